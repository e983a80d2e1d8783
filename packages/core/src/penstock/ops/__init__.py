"""Every op, one block each, in files by family; and the functions that are made of them.

A block holds all that is known of an op: signature, manual, meaning in NumPy, gradient, valid and invalid inputs.
`_declare.py` explains the parts.
"""

# This file only re-exports.
# mypy: implicit-reexport
# ruff: noqa: F401
from penstock.ops._declare import BLOCKS, OpBlock, Reject, Sample, op
from penstock.ops._gradients import count, sum_to
from penstock.ops.activation import (
    log_softmax,
    relu,
    relu_grad,
    softmax,
    softmax_cross_entropy,
    softmax_cross_entropy_grad,
)
from penstock.ops.attention import (
    attention,
    attention_biased,
    attention_biased_grad,
    attention_grad,
    rotary_embedding,
    scaled_dot_product_attention,
)
from penstock.ops.basic import (
    assign_variable,
    cast,
    constant_,
    custom_gradient_,
    identity,
    placeholder_,
    read_variable,
    stop_gradient,
    to_device,
)
from penstock.ops.composite import (
    astype,
    bernoulli,
    bias_add,
    clip,
    dropout,
    std,
    tensordot,
    tril,
    triu,
    var,
)
from penstock.ops.composite_nn import (
    avg_pool1d,
    conv1d,
    global_avg_pool,
    global_max_pool,
    max_pool1d,
    separable_conv2d,
)
from penstock.ops.control import call_, cond_, scan_, while_
from penstock.ops.conv import conv2d, conv2d_filter_grad, conv2d_input_grad
from penstock.ops.conv_transpose import conv2d_transpose
from penstock.ops.conversion import asarray, from_dlpack
from penstock.ops.creation import (
    arange,
    arange_,
    eye,
    full,
    full_,
    full_like,
    linspace,
    ones,
    ones_like,
    size_of,
    zeros,
    zeros_like,
)
from penstock.ops.cumulative import cummax, cummin, cumprod, cumsum
from penstock.ops.depthwise import (
    depthwise_conv2d,
    depthwise_conv2d_filter_grad,
    depthwise_conv2d_input_grad,
)
from penstock.ops.diagonals import diag, diagonal, diagonal_scatter, trace
from penstock.ops.elementwise_binary import (
    add,
    divide,
    floor_divide,
    maximum,
    minimum,
    multiply,
    power,
    remainder,
    subtract,
)
from penstock.ops.elementwise_unary import (
    abs,
    ceil,
    cos,
    exp,
    floor,
    log,
    log1p,
    negative,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    tanh,
)
from penstock.ops.embedding import embedding
from penstock.ops.gather import gather_nd, take_along_axis
from penstock.ops.group_norm import group_norm, group_norm_grad, instance_norm
from penstock.ops.indexed_slices import IndexedSlices
from penstock.ops.indexing import one_hot, scatter_add, slice, slice_update, take
from penstock.ops.layer_norm import layer_norm, layer_norm_grad, rms_norm, rms_norm_grad
from penstock.ops.linalg import matmul, matmul_
from penstock.ops.logic import (
    equal,
    greater,
    greater_equal,
    isfinite,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
    where,
)
from penstock.ops.movement import broadcast_to, concat, pad_, reshape, transpose
from penstock.ops.norm import batch_norm, batch_norm_grad, batch_norm_inference
from penstock.ops.pool import avg_pool2d, avg_pool2d_grad, max_pool2d, max_pool2d_grad
from penstock.ops.random import random_normal, random_uniform
from penstock.ops.reduce import all, any, argmax, argmin, max, mean, min, prod, sum
from penstock.ops.repeating import repeat, roll, tile
from penstock.ops.scattering import put_along_axis, scatter, scatter_max, scatter_min
from penstock.ops.scattering_nd import (
    scatter_nd,
    scatter_nd_add,
    scatter_nd_max,
    scatter_nd_min,
    scatter_nd_update,
)
from penstock.ops.shaping import (
    expand_dims,
    flatten,
    flip,
    matrix_transpose,
    moveaxis,
    pad,
    permute_dims,
    split,
    squeeze,
    stack,
    swapaxes,
)
from penstock.ops.sorting import argsort, searchsorted, sort, top_k
from penstock.ops.tile import tile_program
from penstock.ops.training import adam_update, adam_update_rows

# What `penstock` offers under its own name: what users call. What gradients, variables and optimisers are made of stays
# in `penstock.ops`, random numbers are in `penstock.random`. No submodules, or ops/random.py would hide the latter.
__all__ = [
    "abs",
    "add",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "asarray",
    "astype",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_inference",
    "bias_add",
    "broadcast_to",
    "cast",
    "ceil",
    "clip",
    "concat",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "cos",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "depthwise_conv2d",
    "diag",
    "diagonal",
    "diagonal_scatter",
    "divide",
    "dropout",
    "embedding",
    "equal",
    "exp",
    "expand_dims",
    "eye",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
    "from_dlpack",
    "full",
    "full_like",
    "gather_nd",
    "global_avg_pool",
    "global_max_pool",
    "greater",
    "greater_equal",
    "group_norm",
    "identity",
    "instance_norm",
    "isfinite",
    "isnan",
    "layer_norm",
    "less",
    "less_equal",
    "linspace",
    "log",
    "log1p",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "matmul",
    "matrix_transpose",
    "max",
    "max_pool1d",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "moveaxis",
    "multiply",
    "negative",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "op",
    "pad",
    "permute_dims",
    "power",
    "prod",
    "put_along_axis",
    "relu",
    "remainder",
    "repeat",
    "reshape",
    "rms_norm",
    "roll",
    "rotary_embedding",
    "rsqrt",
    "scaled_dot_product_attention",
    "scatter",
    "scatter_add",
    "scatter_max",
    "scatter_min",
    "scatter_nd",
    "scatter_nd_add",
    "scatter_nd_max",
    "scatter_nd_min",
    "scatter_nd_update",
    "searchsorted",
    "separable_conv2d",
    "sigmoid",
    "sign",
    "sin",
    "slice",
    "slice_update",
    "softmax",
    "softmax_cross_entropy",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tanh",
    "tensordot",
    "tile",
    "top_k",
    "trace",
    "transpose",
    "tril",
    "triu",
    "var",
    "where",
    "zeros",
    "zeros_like",
]
