"""Functions for neural networks: activations, losses, convolution, pooling, normalisation.

y = penstock.nn.relu(penstock.nn.conv2d(images, filters, padding="same"))
"""

from penstock.ops import (
    avg_pool2d,
    batch_norm,
    batch_norm_inference,
    bias_add,
    conv2d,
    dropout,
    embedding,
    log_softmax,
    max_pool2d,
    one_hot,
    relu,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    tanh,
)

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "batch_norm_inference",
    "bias_add",
    "conv2d",
    "dropout",
    "embedding",
    "log_softmax",
    "max_pool2d",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
    "tanh",
]
