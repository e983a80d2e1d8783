"""Layers: what models are made of."""

from penstock_keras_api.layers.activations.prelu import PReLU
from penstock_keras_api.layers.activations.relu import ELU, LeakyReLU, ReLU
from penstock_keras_api.layers.activations.softmax import Softmax
from penstock_keras_api.layers.attention.attention import AdditiveAttention, Attention
from penstock_keras_api.layers.attention.grouped_query_attention import GroupedQueryAttention
from penstock_keras_api.layers.attention.multi_head_attention import MultiHeadAttention
from penstock_keras_api.layers.convolutional.conv import (
    Conv1D,
    Conv2D,
    Conv3D,
    Convolution1D,
    Convolution2D,
    Convolution3D,
)
from penstock_keras_api.layers.convolutional.conv_transpose import (
    Conv1DTranspose,
    Conv2DTranspose,
    Conv3DTranspose,
    Convolution1DTranspose,
    Convolution2DTranspose,
    Convolution3DTranspose,
)
from penstock_keras_api.layers.convolutional.depthwise_conv import DepthwiseConv1D, DepthwiseConv2D
from penstock_keras_api.layers.convolutional.separable_conv import (
    SeparableConv1D,
    SeparableConv2D,
    SeparableConvolution1D,
    SeparableConvolution2D,
)
from penstock_keras_api.layers.core.activation import Activation
from penstock_keras_api.layers.core.dense import Dense
from penstock_keras_api.layers.core.einsum_dense import EinsumDense
from penstock_keras_api.layers.core.embedding import Embedding
from penstock_keras_api.layers.core.identity import Identity
from penstock_keras_api.layers.core.lambda_layer import Lambda
from penstock_keras_api.layers.core.masking import Masking
from penstock_keras_api.layers.core.reversible_embedding import ReversibleEmbedding
from penstock_keras_api.layers.core.time_distributed import TimeDistributed
from penstock_keras_api.layers.core.wrapper import Wrapper
from penstock_keras_api.layers.input_layer import Input, InputLayer
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.lookup import deserialize, serialize
from penstock_keras_api.layers.merging.add import Add, add
from penstock_keras_api.layers.merging.average import Average, average
from penstock_keras_api.layers.merging.concatenate import Concatenate, concatenate
from penstock_keras_api.layers.merging.dot import Dot, dot
from penstock_keras_api.layers.merging.maximum import Maximum, maximum
from penstock_keras_api.layers.merging.minimum import Minimum, minimum
from penstock_keras_api.layers.merging.multiply import Multiply, multiply
from penstock_keras_api.layers.merging.subtract import Subtract, subtract
from penstock_keras_api.layers.normalization.batch_normalization import BatchNormalization
from penstock_keras_api.layers.normalization.group_normalization import GroupNormalization
from penstock_keras_api.layers.normalization.layer_normalization import LayerNormalization
from penstock_keras_api.layers.normalization.rms_normalization import RMSNormalization
from penstock_keras_api.layers.normalization.spectral_normalization import SpectralNormalization
from penstock_keras_api.layers.normalization.unit_normalization import UnitNormalization
from penstock_keras_api.layers.pooling.adaptive_pooling import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
)
from penstock_keras_api.layers.pooling.average_pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
)
from penstock_keras_api.layers.pooling.global_average_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalAvgPool3D,
)
from penstock_keras_api.layers.pooling.global_max_pooling import (
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    GlobalMaxPool3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from penstock_keras_api.layers.pooling.max_pooling import (
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from penstock_keras_api.layers.preprocessing.category_encoding import CategoryEncoding
from penstock_keras_api.layers.preprocessing.discretization import Discretization
from penstock_keras_api.layers.preprocessing.hashed_crossing import HashedCrossing
from penstock_keras_api.layers.preprocessing.hashing import Hashing
from penstock_keras_api.layers.preprocessing.image.aug_mix import AugMix
from penstock_keras_api.layers.preprocessing.image.auto_contrast import AutoContrast
from penstock_keras_api.layers.preprocessing.image.center_crop import CenterCrop
from penstock_keras_api.layers.preprocessing.image.contrast_limited_adaptive_histogram_equalization import (
    ContrastLimitedAdaptiveHistogramEqualization,
)
from penstock_keras_api.layers.preprocessing.image.cut_mix import CutMix
from penstock_keras_api.layers.preprocessing.image.equalization import Equalization
from penstock_keras_api.layers.preprocessing.image.max_num_bounding_boxes import MaxNumBoundingBoxes
from penstock_keras_api.layers.preprocessing.image.mix_up import MixUp
from penstock_keras_api.layers.preprocessing.image.rand_augment import RandAugment
from penstock_keras_api.layers.preprocessing.image.random_brightness import RandomBrightness
from penstock_keras_api.layers.preprocessing.image.random_color_degeneration import (
    RandomColorDegeneration,
)
from penstock_keras_api.layers.preprocessing.image.random_color_jitter import RandomColorJitter
from penstock_keras_api.layers.preprocessing.image.random_contrast import RandomContrast
from penstock_keras_api.layers.preprocessing.image.random_crop import RandomCrop
from penstock_keras_api.layers.preprocessing.image.random_elastic_transform import (
    RandomElasticTransform,
)
from penstock_keras_api.layers.preprocessing.image.random_erasing import RandomErasing
from penstock_keras_api.layers.preprocessing.image.random_flip import RandomFlip
from penstock_keras_api.layers.preprocessing.image.random_gaussian_blur import RandomGaussianBlur
from penstock_keras_api.layers.preprocessing.image.random_grayscale import RandomGrayscale
from penstock_keras_api.layers.preprocessing.image.random_hue import RandomHue
from penstock_keras_api.layers.preprocessing.image.random_invert import RandomInvert
from penstock_keras_api.layers.preprocessing.image.random_perspective import RandomPerspective
from penstock_keras_api.layers.preprocessing.image.random_posterization import RandomPosterization
from penstock_keras_api.layers.preprocessing.image.random_rotation import RandomRotation
from penstock_keras_api.layers.preprocessing.image.random_saturation import RandomSaturation
from penstock_keras_api.layers.preprocessing.image.random_sharpness import RandomSharpness
from penstock_keras_api.layers.preprocessing.image.random_shear import RandomShear
from penstock_keras_api.layers.preprocessing.image.random_translation import RandomTranslation
from penstock_keras_api.layers.preprocessing.image.random_zoom import RandomZoom
from penstock_keras_api.layers.preprocessing.image.resizing import Resizing
from penstock_keras_api.layers.preprocessing.image.solarization import Solarization
from penstock_keras_api.layers.preprocessing.integer_lookup import IntegerLookup
from penstock_keras_api.layers.preprocessing.mel_spectrogram import MelSpectrogram
from penstock_keras_api.layers.preprocessing.normalization import Normalization
from penstock_keras_api.layers.preprocessing.pipeline import Pipeline
from penstock_keras_api.layers.preprocessing.rescaling import Rescaling
from penstock_keras_api.layers.preprocessing.stft_spectrogram import STFTSpectrogram
from penstock_keras_api.layers.preprocessing.string_lookup import StringLookup
from penstock_keras_api.layers.preprocessing.text_vectorization import TextVectorization
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
from penstock_keras_api.layers.reshaping.up_sampling import UpSampling1D, UpSampling2D, UpSampling3D
from penstock_keras_api.layers.reshaping.zero_padding import (
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from penstock_keras_api.layers.rnn.bidirectional import Bidirectional
from penstock_keras_api.layers.rnn.conv_lstm1d import ConvLSTM1D
from penstock_keras_api.layers.rnn.conv_lstm2d import ConvLSTM2D
from penstock_keras_api.layers.rnn.conv_lstm3d import ConvLSTM3D
from penstock_keras_api.layers.rnn.gru import GRU, GRUCell
from penstock_keras_api.layers.rnn.lstm import LSTM, LSTMCell
from penstock_keras_api.layers.rnn.rnn import RNN
from penstock_keras_api.layers.rnn.simple_rnn import SimpleRNN, SimpleRNNCell
from penstock_keras_api.layers.rnn.stacked_rnn_cells import StackedRNNCells

GroupQueryAttention = GroupedQueryAttention

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "AugMix",
    "AutoContrast",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "CenterCrop",
    "Concatenate",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "CutMix",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Discretization",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Equalization",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "GroupQueryAttention",
    "GroupedQueryAttention",
    "HashedCrossing",
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "IntegerLookup",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxNumBoundingBoxes",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "MelSpectrogram",
    "Minimum",
    "MixUp",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "Pipeline",
    "RMSNormalization",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "ReversibleEmbedding",
    "STFTSpectrogram",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SpectralNormalization",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "TextVectorization",
    "TimeDistributed",
    "UnitNormalization",
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
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]
