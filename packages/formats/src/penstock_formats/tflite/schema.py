"""The schema of TensorFlow Lite files as data: numbers of ops, dtypes and fields, as its published schema has them."""

from __future__ import annotations

from typing import Any, Final

from penstock_formats.tflite.flatbuffer import Table

OPS: Final = [
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEPTH_TO_SPACE",
    "DEQUANTIZE",
    "EMBEDDING_LOOKUP",
    "FLOOR",
    "FULLY_CONNECTED",
    "HASHTABLE_LOOKUP",
    "L2_NORMALIZATION",
    "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION",
    "LOGISTIC",
    "LSH_PROJECTION",
    "LSTM",
    "MAX_POOL_2D",
    "MUL",
    "RELU",
    "RELU_N1_TO_1",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RNN",
    "SOFTMAX",
    "SPACE_TO_DEPTH",
    "SVDF",
    "TANH",
    "CONCAT_EMBEDDINGS",
    "SKIP_GRAM",
    "CALL",
    "CUSTOM",
    "EMBEDDING_LOOKUP_SPARSE",
    "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "GATHER",
    "BATCH_TO_SPACE_ND",
    "SPACE_TO_BATCH_ND",
    "TRANSPOSE",
    "MEAN",
    "SUB",
    "DIV",
    "SQUEEZE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "EXP",
    "TOPK_V2",
    "SPLIT",
    "LOG_SOFTMAX",
    "DELEGATE",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "CAST",
    "PRELU",
    "MAXIMUM",
    "ARG_MAX",
    "MINIMUM",
    "LESS",
    "NEG",
    "PADV2",
    "GREATER",
    "GREATER_EQUAL",
    "LESS_EQUAL",
    "SELECT",
    "SLICE",
    "SIN",
    "TRANSPOSE_CONV",
    "SPARSE_TO_DENSE",
    "TILE",
    "EXPAND_DIMS",
    "EQUAL",
    "NOT_EQUAL",
    "LOG",
    "SUM",
    "SQRT",
    "RSQRT",
    "SHAPE",
    "POW",
    "ARG_MIN",
    "FAKE_QUANT",
    "REDUCE_PROD",
    "REDUCE_MAX",
    "PACK",
    "LOGICAL_OR",
    "ONE_HOT",
    "LOGICAL_AND",
    "LOGICAL_NOT",
    "UNPACK",
    "REDUCE_MIN",
    "FLOOR_DIV",
    "REDUCE_ANY",
    "SQUARE",
    "ZEROS_LIKE",
    "FILL",
    "FLOOR_MOD",
    "RANGE",
    "RESIZE_NEAREST_NEIGHBOR",
    "LEAKY_RELU",
    "SQUARED_DIFFERENCE",
    "MIRROR_PAD",
    "ABS",
    "SPLIT_V",
    "UNIQUE",
    "CEIL",
    "REVERSE_V2",
    "ADD_N",
    "GATHER_ND",
    "COS",
    "WHERE",
    "RANK",
    "ELU",
    "REVERSE_SEQUENCE",
    "MATRIX_DIAG",
    "QUANTIZE",
    "MATRIX_SET_DIAG",
    "ROUND",
    "HARD_SWISH",
    "IF",
    "WHILE",
    "NON_MAX_SUPPRESSION_V4",
    "NON_MAX_SUPPRESSION_V5",
    "SCATTER_ND",
    "SELECT_V2",
    "DENSIFY",
    "SEGMENT_SUM",
    "BATCH_MATMUL",
    "PLACEHOLDER_FOR_GREATER_OP_CODES",
    "CUMSUM",
    "CALL_ONCE",
    "BROADCAST_TO",
    "RFFT2D",
    "CONV_3D",
    "IMAG",
    "REAL",
    "COMPLEX_ABS",
    "HASHTABLE",
    "HASHTABLE_FIND",
    "HASHTABLE_IMPORT",
    "HASHTABLE_SIZE",
    "REDUCE_ALL",
    "CONV_3D_TRANSPOSE",
    "VAR_HANDLE",
    "READ_VARIABLE",
    "ASSIGN_VARIABLE",
    "BROADCAST_ARGS",
    "RANDOM_STANDARD_NORMAL",
    "BUCKETIZE",
    "RANDOM_UNIFORM",
    "MULTINOMIAL",
    "GELU",
    "DYNAMIC_UPDATE_SLICE",
    "RELU_0_TO_1",
    "UNSORTED_SEGMENT_PROD",
    "UNSORTED_SEGMENT_MAX",
    "UNSORTED_SEGMENT_SUM",
    "ATAN2",
    "UNSORTED_SEGMENT_MIN",
    "SIGN",
    "BITCAST",
    "BITWISE_XOR",
    "RIGHT_SHIFT",
]
"""Built-in ops by number; what follows are those of StableHLO, which only experiments use."""

DTYPES: Final = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    8: "complex64",
    9: "int8",
    10: "float64",
    11: "complex128",
    12: "uint64",
    15: "uint32",
    16: "uint16",
    17: "int4",
}
OTHER_DTYPES: Final = {5: "string", 13: "resource", 14: "variant", 18: "bfloat16", 19: "int2"}

ACTIVATIONS: Final = (None, "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit")
PADDINGS: Final = ("same", "valid")

_WINDOW = "padding:b stride_w:i stride_h:i"
# For an op the number of its table of options, and its fields: name:letter of struct=default; [i] is a vector.
_OPTIONS: Final = {
    "CONV_2D": (1, f"{_WINDOW} activation:b dilation_w:i=1 dilation_h:i=1"),
    "DEPTHWISE_CONV_2D": (2, f"{_WINDOW} multiplier:i activation:b dilation_w:i=1 dilation_h:i=1"),
    "AVERAGE_POOL_2D": (5, f"{_WINDOW} width:i height:i activation:b"),
    "MAX_POOL_2D": (5, f"{_WINDOW} width:i height:i activation:b"),
    "L2_POOL_2D": (5, f"{_WINDOW} width:i height:i activation:b"),
    "TRANSPOSE_CONV": (49, f"{_WINDOW} activation:b"),
    "FULLY_CONNECTED": (8, "activation:b weights_format:b keep_dims:? asymmetric:?"),
    "SOFTMAX": (9, "beta:f"),
    "CONCATENATION": (10, "axis:i activation:b"),
    "ADD": (11, "activation:b"),
    "SUB": (28, "activation:b"),
    "MUL": (21, "activation:b"),
    "DIV": (29, "activation:b"),
    "L2_NORMALIZATION": (12, "activation:b"),
    "LOCAL_RESPONSE_NORMALIZATION": (13, "radius:i bias:f alpha:f beta:f"),
    "RESIZE_BILINEAR": (15, "height:i width:i align_corners:? half_pixel_centers:?"),
    "RESIZE_NEAREST_NEIGHBOR": (74, "align_corners:? half_pixel_centers:?"),
    "RESHAPE": (17, "new_shape:[i]"),
    "SPACE_TO_DEPTH": (19, "block_size:i"),
    "DEPTH_TO_SPACE": (94, "block_size:i"),
    "GATHER": (23, "axis:i batch_dims:i"),
    "SQUEEZE": (30, "axes:[i]"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (
        71,
        "activation:b cell_clip:f projection_clip:f time_major:? asymmetric:?",
    ),
    "STRIDED_SLICE": (
        32,
        "begin_mask:i end_mask:i ellipsis_mask:i new_axis_mask:i shrink_axis_mask:i offset:?",
    ),
    "SPLIT": (35, "count:i"),
    "SPLIT_V": (79, "count:i"),
    "CAST": (37, "source:b target:b"),
    "ARG_MAX": (40, "dtype:b"),
    "ARG_MIN": (57, "dtype:b"),
    "SHAPE": (55, "dtype:b"),
    "PACK": (59, "count:i axis:i"),
    "UNPACK": (64, "count:i axis:i"),
    "ONE_HOT": (61, "axis:i"),
    "LEAKY_RELU": (75, "alpha:f"),
    "MIRROR_PAD": (77, "mode:b"),
    "BATCH_MATMUL": (101, "transpose_x:? transpose_y:? asymmetric:?"),
    "CUMSUM": (102, "exclusive:? reverse:?"),
    "GELU": (116, "approximate:?"),
    "IF": (92, "then:i otherwise:i"),
    "WHILE": (93, "condition:i body:i"),
    **dict.fromkeys(
        ["MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"],
        (27, "keep_dims:?"),
    ),
}


def read_options(op: str, number: int, table: Table | None) -> dict[str, Any]:
    """Read an op's options, with defaults for those that the file leaves out.

    Args:
        op: The op's name.
        number: Which kind of options the file says these are.
        table: The options, or None.

    Returns:
        The options by name; none for an op that has none, or that is not known here.

    Raises:
        FormatError: These are another op's options.
    """
    if op not in _OPTIONS:
        return {}
    expected, fields = _OPTIONS[op]
    if table is not None and number != expected:
        raise table.buffer.damaged(f"{op} has options of kind {number} in place of {expected}")
    return {name: _field(table, slot, kind) for slot, (name, kind) in enumerate(_fields(fields))}


def _fields(text: str) -> list[tuple[str, str]]:
    return [(field.partition(":")[0], field.partition(":")[2]) for field in text.split()]


def _field(table: Table | None, slot: int, kind: str) -> Any:
    if kind == "[i]":
        found = table.numbers(slot, "int32") if table is not None else None
        return None if found is None else [int(v) for v in found]
    letter, _, default = kind.partition("=")
    zero: Any = False if letter == "?" else 0
    value = int(default) if default else zero
    return table.number(slot, letter, value) if table is not None else value
