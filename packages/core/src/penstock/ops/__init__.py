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
from penstock.ops.activation_more import (
    glu,
    gumbel_softmax,
    hard_shrink,
    hard_tanh,
    log_sigmoid,
    prelu,
    soft_shrink,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swiglu,
    tanh_shrink,
    threshold,
)
from penstock.ops.activation_piecewise import (
    hard_sigmoid,
    hard_swish,
    leaky_relu,
    relu6,
)
from penstock.ops.activation_smooth import (
    celu,
    elu,
    gelu,
    mish,
    selu,
    silu,
    softplus,
    softsign,
)
from penstock.ops.adaptive import (
    adaptive_avg_pool,
    adaptive_max_pool,
)
from penstock.ops.attention import attention, attention_grad
from penstock.ops.attention_biased import attention_biased, attention_biased_grad
from penstock.ops.attention_functions import scaled_dot_product_attention
from penstock.ops.basic import (
    assign_variable,
    barrier,
    cast,
    constant_,
    custom_gradient_,
    identity,
    placeholder_,
    read_variable,
    stop_gradient,
    to_device,
)
from penstock.ops.bitwise import (
    bitwise_and,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
)
from penstock.ops.candidates import (
    log_uniform_candidate_sampler,
    nce_loss,
    sampled_softmax_loss,
)
from penstock.ops.checking import assert_true
from penstock.ops.complex_numbers import angle, complex, conj, imag, real
from penstock.ops.composite import (
    astype,
    bernoulli,
    bias_add,
    clip,
    count_nonzero,
    dropout,
    positive,
    std,
    tensordot,
    tril,
    triu,
    var,
)
from penstock.ops.composite_layout import (
    depth_to_space,
    in_top_k,
    reverse_sequence,
    space_to_depth,
)
from penstock.ops.composite_logarithms import divide_no_nan, xlog1py, xlogy
from penstock.ops.composite_nn import (
    avg_pool1d,
    conv1d,
    global_avg_pool,
    global_max_pool,
    max_pool1d,
    separable_conv2d,
)
from penstock.ops.composite_scaling import (
    clip_by_global_norm,
    clip_by_norm,
    global_norm,
)
from penstock.ops.contraction import einsum, einsum_
from penstock.ops.control import call_, cond_, scan_, while_
from penstock.ops.conv import conv2d, conv2d_filter_grad, conv2d_input_grad
from penstock.ops.conv3d import (
    conv3d,
    conv3d_filter_grad,
    conv3d_input_grad,
)
from penstock.ops.conv_transpose import conv2d_transpose
from penstock.ops.conv_transpose_1d_3d import (
    conv1d_transpose,
    conv3d_transpose,
)
from penstock.ops.conversion import asarray, from_dlpack
from penstock.ops.creation import (
    arange,
    arange_,
    empty,
    empty_like,
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
from penstock.ops.ctc import (
    ctc_beam_search_,
    ctc_loss_,
)
from penstock.ops.ctc_functions import (
    ctc_beam_search_decode,
    ctc_greedy_decode,
    ctc_loss,
)
from penstock.ops.cumulative import cumlogsumexp, cummax, cummin, cumprod, cumsum
from penstock.ops.decoding import (
    beam_search_step,
    sample_token,
    top_k_logits,
    top_p_logits,
)
from penstock.ops.decompositions import cholesky_, lu, qr_
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
from penstock.ops.elementwise_binary import power as pow
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
from penstock.ops.exponential import (
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    log2,
    log10,
    logaddexp,
)
from penstock.ops.floating_point import nextafter, signbit
from penstock.ops.fourier import fft_complex, fft_of_real, fft_to_real
from penstock.ops.gamma_functions import (
    digamma,
    lgamma,
    polygamma,
)
from penstock.ops.gather import gather_nd, take_along_axis
from penstock.ops.group_norm import group_norm, group_norm_grad, instance_norm
from penstock.ops.host import host_call_
from penstock.ops.image_boxes import box_iou, non_max_suppression_
from penstock.ops.image_color import (
    hsv_to_rgb,
    rgb_to_grayscale_,
    rgb_to_hsv,
    rgb_to_yuv,
    yuv_to_rgb,
)
from penstock.ops.image_files import decode_image_, encode_image_
from penstock.ops.image_regions import crop_and_resize, draw_bounding_boxes_
from penstock.ops.image_resize import image_resize, image_resize_grad
from penstock.ops.image_sample import image_sample, image_sample_grad
from penstock.ops.indexed_slices import IndexedSlices
from penstock.ops.indexing import one_hot, one_hot_, scatter_add, slice, slice_update, take
from penstock.ops.keyed import keyed_normal, keyed_uniform
from penstock.ops.layer_norm import layer_norm, layer_norm_grad, rms_norm, rms_norm_grad
from penstock.ops.linalg import matmul, matmul_
from penstock.ops.logic import (
    equal,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    where,
)
from penstock.ops.losses import (
    binary_cross_entropy,
    hinge,
    huber,
    log_cosh,
    sigmoid_cross_entropy,
)
from penstock.ops.losses_composite import (
    mean_absolute_error,
    mean_squared_error,
    nll_loss,
    squared_hinge,
)
from penstock.ops.losses_more import (
    categorical_hinge,
    cosine_embedding_loss,
    dice_loss,
    gaussian_nll_loss,
    label_smoothing,
    margin_ranking_loss,
    mean_absolute_percentage_error,
    mean_squared_logarithmic_error,
    poisson_loss,
    sigmoid_focal_loss,
    smooth_l1,
    triplet_margin_loss,
    tversky_loss,
    weighted_cross_entropy_with_logits,
)
from penstock.ops.losses_of_rows import (
    cosine_similarity,
    kl_divergence,
    softmax_cross_entropy_dense,
)
from penstock.ops.matrix_functions import logm, matrix_exp, sqrtm
from penstock.ops.movement import broadcast_to, concat, concat_, pad_, reshape, transpose
from penstock.ops.norm import batch_norm, batch_norm_grad, batch_norm_inference
from penstock.ops.norm_relu import batch_norm_relu, batch_norm_relu_grad
from penstock.ops.normalising import (
    l2_loss,
    l2_normalize,
    local_response_normalization,
    moments,
)
from penstock.ops.pool import (
    avg_pool2d,
    avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
    padded_max_pool2d,
)
from penstock.ops.pool3d import (
    avg_pool3d,
    avg_pool3d_grad,
    max_pool3d,
    max_pool3d_grad,
)
from penstock.ops.products import vecdot
from penstock.ops.quantize import dequantize, fake_quant, quantize
from penstock.ops.quantized_conv import (
    quantized_avg_pool2d,
    quantized_conv2d,
    quantized_depthwise_conv2d,
    quantized_matmul,
)
from penstock.ops.quantized_elementwise import (
    quantized_add,
    quantized_concat,
    quantized_concat_,
    quantized_multiply,
    quantized_softmax,
    requantize,
)
from penstock.ops.random import random_normal, random_uniform
from penstock.ops.rearranging import confusion_matrix, gather, sequence_mask
from penstock.ops.recurrent import (
    gru_,
    gru_grad,
    lstm_,
    lstm_grad,
    simple_rnn_,
    simple_rnn_grad,
)
from penstock.ops.recurrent_layers import (
    bidirectional,
    gru,
    lstm,
    simple_rnn,
)
from penstock.ops.reduce import all, any, argmax, argmin, logsumexp, max, mean, min, prod, sum
from penstock.ops.repeating import meshgrid, repeat, repeat_, roll, tile
from penstock.ops.rotary import rotary_embedding
from penstock.ops.rounding import (
    clip_,
    copysign,
    reciprocal,
    round,
    squared_difference,
    trunc,
)
from penstock.ops.running import cumulative_prod, cumulative_sum, diff
from penstock.ops.sampling import (
    log_uniform_candidates,
    random_binomial,
    random_categorical,
    random_gamma,
    random_integers,
    random_poisson,
)
from penstock.ops.scattering import put_along_axis, scatter, scatter_max, scatter_min
from penstock.ops.scattering_nd import (
    scatter_nd,
    scatter_nd_add,
    scatter_nd_max,
    scatter_nd_min,
    scatter_nd_update,
)
from penstock.ops.segments import (
    bincount,
    segment_max,
    segment_mean,
    segment_min,
    segment_prod,
    segment_sum,
)
from penstock.ops.selecting import argwhere, boolean_mask, nonzero, nonzero_, unique, unique_
from penstock.ops.sets import unique_all, unique_counts, unique_inverse, unique_values
from penstock.ops.shaping import (
    broadcast_arrays,
    broadcast_shapes,
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
    unstack,
)
from penstock.ops.signal_frames import frame_, overlap_and_add_
from penstock.ops.small_weights import dynamic_quantized_matmul, weight_only_matmul
from penstock.ops.solving import adjugate, det, inv, pinv_, slogdet_, solve_, triangular_solve_
from penstock.ops.sorting import argsort, searchsorted, searchsorted_, sort, top_k
from penstock.ops.sparse_product import sparse_matmul
from penstock.ops.spectra import eig, eigh_, eigvals, eigvalsh, svd_, svdvals
from penstock.ops.string_codes import decode_base64, encode_base64, unicode_normalize
from penstock.ops.string_hash import string_to_hash_bucket_fast, string_to_hash_bucket_strong
from penstock.ops.string_numbers import as_string, string_to_hash_bucket, string_to_number
from penstock.ops.string_parts import (
    string_chars_,
    string_ngrams,
    string_reduce_join_,
    string_split_,
    unicode_decode_,
    unicode_encode_,
)
from penstock.ops.string_records import csv_fields, json_fields
from penstock.ops.string_tests import (
    string_contains,
    string_endswith,
    string_search,
    string_startswith,
)
from penstock.ops.strings import (
    regex_full_match,
    regex_replace,
    string_join,
    string_length,
    string_lower,
    string_strip,
    string_substr,
    string_translate,
    string_upper,
)
from penstock.ops.tile_epilogues import conv2d_tile, depthwise_conv2d_tile, matmul_tile
from penstock.ops.tiles import tile_program
from penstock.ops.training import adam_update, adam_update_rows
from penstock.ops.trees import tree_bins, tree_grow, tree_predict
from penstock.ops.trigonometric import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cosh,
    hypot,
    sinh,
    tan,
)
from penstock.ops.wordpiece import wordpiece_

# What `penstock` offers under its own name: what users call. What gradients, variables and optimisers are made of stays
# in `penstock.ops`, random numbers are in `penstock.random`. No submodules, or ops/random.py would hide the latter.
__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "all",
    "angle",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "argwhere",
    "as_string",
    "asarray",
    "asin",
    "asinh",
    "assert_true",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_inference",
    "bias_add",
    "binary_cross_entropy",
    "bincount",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "boolean_mask",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "cast",
    "ceil",
    "celu",
    "clip",
    "clip_by_global_norm",
    "clip_by_norm",
    "complex",
    "concat",
    "conj",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "copysign",
    "cos",
    "cosh",
    "cosine_similarity",
    "count_nonzero",
    "cumlogsumexp",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "depth_to_space",
    "depthwise_conv2d",
    "dequantize",
    "diag",
    "diagonal",
    "diagonal_scatter",
    "diff",
    "digamma",
    "divide",
    "divide_no_nan",
    "dropout",
    "dynamic_quantized_matmul",
    "einsum",
    "elu",
    "embedding",
    "empty",
    "empty_like",
    "equal",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "eye",
    "fake_quant",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
    "from_dlpack",
    "full",
    "full_like",
    "gather",
    "gather_nd",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "global_norm",
    "greater",
    "greater_equal",
    "group_norm",
    "hard_sigmoid",
    "hard_swish",
    "hinge",
    "huber",
    "hypot",
    "identity",
    "imag",
    "in_top_k",
    "instance_norm",
    "isfinite",
    "isinf",
    "isnan",
    "kl_divergence",
    "l2_normalize",
    "layer_norm",
    "leaky_relu",
    "less",
    "less_equal",
    "lgamma",
    "linspace",
    "local_response_normalization",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_cosh",
    "log_softmax",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "matmul",
    "matrix_transpose",
    "max",
    "max_pool1d",
    "max_pool2d",
    "maximum",
    "mean",
    "mean_absolute_error",
    "mean_squared_error",
    "meshgrid",
    "min",
    "minimum",
    "mish",
    "moveaxis",
    "multiply",
    "negative",
    "nextafter",
    "nll_loss",
    "nonzero",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "op",
    "pad",
    "permute_dims",
    "polygamma",
    "positive",
    "pow",
    "power",
    "prod",
    "put_along_axis",
    "quantize",
    "quantized_add",
    "quantized_avg_pool2d",
    "quantized_concat",
    "quantized_conv2d",
    "quantized_depthwise_conv2d",
    "quantized_matmul",
    "quantized_multiply",
    "quantized_softmax",
    "real",
    "reciprocal",
    "regex_full_match",
    "regex_replace",
    "relu",
    "relu6",
    "remainder",
    "repeat",
    "requantize",
    "reshape",
    "reverse_sequence",
    "rms_norm",
    "roll",
    "rotary_embedding",
    "round",
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
    "segment_max",
    "segment_mean",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "selu",
    "separable_conv2d",
    "sequence_mask",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sign",
    "signbit",
    "silu",
    "sin",
    "sinh",
    "slice",
    "slice_update",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_dense",
    "softplus",
    "softsign",
    "sort",
    "space_to_depth",
    "split",
    "sqrt",
    "square",
    "squared_difference",
    "squared_hinge",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "string_join",
    "string_length",
    "string_lower",
    "string_strip",
    "string_substr",
    "string_to_hash_bucket",
    "string_to_number",
    "string_upper",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "top_k",
    "trace",
    "transpose",
    "tril",
    "triu",
    "trunc",
    "unique",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
    "unstack",
    "var",
    "vecdot",
    "weight_only_matmul",
    "where",
    "xlog1py",
    "xlogy",
    "zeros",
    "zeros_like",
]
