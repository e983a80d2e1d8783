"""The dtypes by name, and the conversion of what stands for one.

Promotion follows the Python array API standard; an integer with a float takes the float's dtype, and a Python number
takes the dtype of the tensor that it meets.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penstock import _native

if TYPE_CHECKING:
    from penstock._native import DType
    from penstock.annotations import DTypeLike

bool: Final = _native.dtype("bool")
int8: Final = _native.dtype("int8")
int16: Final = _native.dtype("int16")
int32: Final = _native.dtype("int32")
int64: Final = _native.dtype("int64")
uint8: Final = _native.dtype("uint8")
uint16: Final = _native.dtype("uint16")
uint32: Final = _native.dtype("uint32")
uint64: Final = _native.dtype("uint64")
float16: Final = _native.dtype("float16")
bfloat16: Final = _native.dtype("bfloat16")
float32: Final = _native.dtype("float32")
float64: Final = _native.dtype("float64")
complex64: Final = _native.dtype("complex64")
complex128: Final = _native.dtype("complex128")
string: Final = _native.dtype("string")

# Python's own types mean the default dtype of their kind, not the widest one as in NumPy.
_PYTHON_TYPES: Final[dict[Any, DType]] = {
    builtins.bool: bool,
    int: int64,
    float: float32,
    complex: complex64,
    str: string,
    bytes: string,
}


def as_dtype(dtype: DTypeLike) -> DType:
    """Convert what stands for a dtype to the dtype itself.

    Args:
        dtype: A dtype, its name, a NumPy dtype or scalar type, or a Python type.

    Returns:
        The dtype.

    Raises:
        TypeError: There is no such dtype.

    Example:
        >>> penstock.as_dtype(np.int32), penstock.as_dtype(float)
        (penstock.int32, penstock.float32)
    """
    if isinstance(dtype, _native.DType | str):
        return _native.dtype(dtype) if isinstance(dtype, str) else dtype
    known = _PYTHON_TYPES.get(dtype)
    return known if known is not None else _native.dtype(_numpy_name(dtype))


def _numpy_name(dtype: Any) -> str:
    try:
        if dtype is None:  # which NumPy takes for float64
            raise TypeError
        converted = np.dtype(dtype)
    except TypeError:
        raise TypeError(
            f"{dtype!r} is not a dtype; use one such as penstock.float32, or its name, 'float32'"
        ) from None
    return "string" if converted.kind in "SUO" else converted.name


def to_numpy(dtype: DTypeLike) -> np.dtype[Any]:
    """Find the NumPy dtype that holds a dtype's values.

    Args:
        dtype: The dtype.

    Returns:
        NumPy's dtype of the same name; float32 for bfloat16 and object for string, which NumPy has not got.

    Raises:
        TypeError: There is no such dtype.
    """
    name = as_dtype(dtype).name
    return np.dtype({"bfloat16": "float32", "string": "object"}.get(name, name))


def result_type(*operands: Any) -> DType:
    """Find the dtype to which tensors and dtypes promote.

    Args:
        operands: Tensors, or what stands for a dtype; at least one.

    Returns:
        The common dtype.

    Raises:
        TypeError: There are no operands, or they have no common dtype.

    Example:
        >>> penstock.result_type("int8", "float16")
        penstock.float16
    """
    if not operands:
        raise TypeError("[result_type] got no operands; give at least one tensor or dtype")
    dtypes = [x.dtype if isinstance(x, _native.Tensor) else as_dtype(x) for x in operands]
    common = dtypes[0]
    for dtype in dtypes[1:]:
        common = _native.promote(common, dtype)
    return common


__all__ = [
    "as_dtype",
    "bfloat16",
    "bool",
    "complex64",
    "complex128",
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "result_type",
    "string",
    "to_numpy",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]
