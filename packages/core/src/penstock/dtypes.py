"""The dtypes by name, and the conversion of what stands for one.

Promotion follows the Python array API standard; an integer with a float takes the float's dtype, and a Python number
takes the dtype of the tensor that it meets.
"""

from __future__ import annotations

import builtins
import functools
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penstock import _native
from penstock.errors import InvalidTypeError

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
        raise InvalidTypeError(
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
    """Find the dtype to which tensors, dtypes and Python numbers promote.

    Args:
        operands: Tensors, arrays, Python numbers, or what stands for a dtype; at least one. A number's dtype gives way,
            as it does in arithmetic.

    Returns:
        The common dtype.

    Raises:
        TypeError: There are no operands, or they have no common dtype.

    Example:
        >>> penstock.result_type("int8", "float16"), penstock.result_type("float16", 2.5)
        (penstock.float16, penstock.float16)
    """
    if not operands:
        raise InvalidTypeError("[result_type] got no operands; give at least one tensor or dtype")
    numbers = [x for x in operands if type(x) in _KINDS]
    strong = [as_dtype(getattr(x, "dtype", x)) for x in operands if type(x) not in _KINDS]
    if not strong:
        return _PYTHON_TYPES[max(map(type, numbers), key=_KINDS.index)]
    common = functools.reduce(_native.promote, strong)
    for kind in map(type, numbers):
        # A number counts only where its kind is the wider one: 1.5 makes int8 float32, and 2 leaves it.
        if common == string or _KINDS.index(kind) > _kind(common):
            common = _native.promote(common, _PYTHON_TYPES[kind])
    return common


_KINDS: Final = (builtins.bool, int, float, complex)


def _kind(dtype: DType) -> int:
    """The place in `_KINDS` of the kind of number that a dtype holds."""
    return {"bool": 0, "signed": 1, "unsigned": 1, "float": 2, "complex": 3}[dtype.kind]


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
