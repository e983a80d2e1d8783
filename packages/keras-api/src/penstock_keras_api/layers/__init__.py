"""Layers: what models are made of."""

from penstock_keras_api.layers.activations.prelu import PReLU
from penstock_keras_api.layers.activations.relu import ELU, LeakyReLU, ReLU
from penstock_keras_api.layers.activations.softmax import Softmax
from penstock_keras_api.layers.attention.attention import AdditiveAttention, Attention
from penstock_keras_api.layers.attention.grouped_query_attention import GroupedQueryAttention
from penstock_keras_api.layers.attention.multi_head_attention import MultiHeadAttention
from penstock_keras_api.layers.core.activation import Activation
from penstock_keras_api.layers.core.dense import Dense
from penstock_keras_api.layers.core.einsum_dense import EinsumDense
from penstock_keras_api.layers.core.embedding import Embedding
from penstock_keras_api.layers.core.identity import Identity
from penstock_keras_api.layers.core.lambda_layer import Lambda
from penstock_keras_api.layers.core.masking import Masking
from penstock_keras_api.layers.core.time_distributed import TimeDistributed
from penstock_keras_api.layers.core.wrapper import Wrapper
from penstock_keras_api.layers.input_layer import Input, InputLayer
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.merging.add import Add, add
from penstock_keras_api.layers.merging.average import Average, average
from penstock_keras_api.layers.merging.concatenate import Concatenate, concatenate
from penstock_keras_api.layers.merging.dot import Dot, dot
from penstock_keras_api.layers.merging.maximum import Maximum, maximum
from penstock_keras_api.layers.merging.minimum import Minimum, minimum
from penstock_keras_api.layers.merging.multiply import Multiply, multiply
from penstock_keras_api.layers.merging.subtract import Subtract, subtract
from penstock_keras_api.layers.regularization.activity import ActivityRegularization
from penstock_keras_api.layers.regularization.dropout import (
    Dropout,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from penstock_keras_api.layers.regularization.gaussian import (
    AlphaDropout,
    GaussianDropout,
    GaussianNoise,
)
from penstock_keras_api.layers.reshaping.cropping import Cropping1D, Cropping2D, Cropping3D
from penstock_keras_api.layers.reshaping.flatten import Flatten
from penstock_keras_api.layers.reshaping.permute import Permute, RepeatVector
from penstock_keras_api.layers.reshaping.reshape import Reshape
from penstock_keras_api.layers.reshaping.up_sampling import (
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
)
from penstock_keras_api.layers.reshaping.zero_padding import (
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)

GroupQueryAttention = GroupedQueryAttention

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "Average",
    "Concatenate",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GroupQueryAttention",
    "GroupedQueryAttention",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "Lambda",
    "Layer",
    "LeakyReLU",
    "Masking",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "PReLU",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "Subtract",
    "TimeDistributed",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Wrapper",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
