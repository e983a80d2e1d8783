"""What is known of dtypes: their kinds, limits, and which converts to which."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock._dataclass import dataclass
from penstock.dtypes import as_dtype, result_type
from penstock.errors import DTypeError, InvalidValueError

if TYPE_CHECKING:
    from penstock._native import DType
    from penstock.annotations import DTypeLike

# The array API's words for kinds, and which of ours they mean.
KINDS: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": ("signed",),
    "unsigned integer": ("unsigned",),
    "integral": ("signed", "unsigned"),
    "real floating": ("float",),
    "complex floating": ("complex",),
    "numeric": ("signed", "unsigned", "float", "complex"),
}


@dataclass(frozen=True)
class FloatInfo:
    """The limits of a float dtype; for a complex one, of its parts."""

    bits: int
    eps: float  # the distance from 1 to the next number
    max: float
    min: float  # the lowest number: -max
    smallest_normal: float
    dtype: DType


@dataclass(frozen=True)
class IntegerInfo:
    """The limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: DType


def finfo(type: Any, /) -> FloatInfo:
    """Look up the limits of a float or complex dtype.

    Args:
        type: A dtype, or a tensor that has it.

    Returns:
        `bits`, `eps`, `max`, `min`, `smallest_normal` as Python numbers, and `dtype`; for a complex dtype those of its
        parts.

    Raises:
        TypeError: The dtype is not a float or complex one.

    Example:
        >>> penstock.finfo("float32").eps == 2.0**-23
        True
    """
    dtype = _dtype_of(type)
    if dtype.kind == "complex":
        dtype = as_dtype("float32" if dtype == "complex64" else "float64")
    if dtype.kind != "float":
        raise DTypeError(
            f"[finfo] got {dtype.name}; expected a float or complex dtype; for integers use penstock.iinfo"
        )
    if dtype == "bfloat16":  # float32's exponent with 7 bits of fraction
        most = (2.0 - 2.0**-7) * 2.0**127
        return FloatInfo(16, 2.0**-7, most, -most, 2.0**-126, dtype)
    known = np.finfo(dtype.name)
    return FloatInfo(
        bits=int(known.bits),
        eps=float(known.eps),
        max=float(known.max),
        min=float(known.min),
        smallest_normal=float(known.smallest_normal),
        dtype=dtype,
    )


def iinfo(type: Any, /) -> IntegerInfo:
    """Look up the limits of an integer dtype.

    Args:
        type: A dtype, or a tensor that has it.

    Returns:
        `bits`, `max` and `min` as Python numbers, and `dtype`.

    Raises:
        TypeError: The dtype is not an integer one.

    Example:
        >>> penstock.iinfo("int8").max
        127
    """
    dtype = _dtype_of(type)
    if dtype.kind not in ("signed", "unsigned"):
        raise DTypeError(
            f"[iinfo] got {dtype.name}; expected an integer dtype; for floats use penstock.finfo"
        )
    known = np.iinfo(dtype.name)
    return IntegerInfo(int(known.bits), int(known.max), int(known.min), dtype)


def isdtype(dtype: DTypeLike, kind: Any) -> builtins.bool:
    """Say whether a dtype is of a kind.

    Args:
        dtype: The dtype.
        kind: A dtype, or "bool", "signed integer", "unsigned integer", "integral", "real floating",
            "complex floating" or "numeric"; or a tuple of these, of which one has to fit.

    Returns:
        Whether it is.

    Raises:
        ValueError: There is no such kind.
        TypeError: There is no such dtype.

    Example:
        >>> penstock.isdtype(penstock.float32, ("integral", "real floating"))
        True
    """
    known = as_dtype(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(known, one) for one in kind)
    if not isinstance(kind, str):
        return known == as_dtype(kind)
    if kind not in KINDS:
        raise InvalidValueError(
            f"[isdtype] got the kind {kind!r}; expected {', '.join(map(repr, KINDS))}, or a dtype"
        )
    return known.kind in KINDS[kind]


def can_cast(from_: Any, to: DTypeLike, /) -> builtins.bool:
    """Say whether promotion alone turns one dtype into another, so that no value is lost to the conversion.

    Args:
        from_: A dtype, or a tensor that has it.
        to: The dtype to convert to.

    Returns:
        Whether the two promote to `to`.

    Raises:
        TypeError: There is no such dtype.

    Example:
        >>> penstock.can_cast("int8", "int16"), penstock.can_cast("int16", "int8")
        (True, False)
    """
    source, target = _dtype_of(from_), as_dtype(to)
    try:
        return result_type(source, target) == target
    except TypeError:  # nothing in common
        return False


def _dtype_of(type: Any) -> DType:
    dtype: DType = as_dtype(getattr(type, "dtype", type) if hasattr(type, "shape") else type)
    return dtype


__all__ = ["can_cast", "finfo", "iinfo", "isdtype"]
