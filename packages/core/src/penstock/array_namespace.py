"""Penstock as a namespace of the Python array API standard: what it can do, and the constants."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from penstock import _native, dtypes
from penstock.dtype_facts import KINDS
from penstock.errors import InvalidValueError

if TYPE_CHECKING:
    from penstock._native import DType

VERSION = "2024.12"

e = math.e
inf = math.inf
nan = math.nan
newaxis = None
pi = math.pi

# Those that the standard knows; float16, bfloat16 and string are ours besides.
_NAMES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128"),
)


class NamespaceInfo:
    """What `__array_namespace_info__()` returns."""

    def capabilities(self) -> dict[str, Any]:
        """Say what an array library may leave out and this one has."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 16}

    def default_device(self) -> str:
        """Name the device of new tensors."""
        return "cpu:0"

    def devices(self) -> list[str]:
        """Name all devices."""
        return list(_native.device_names())

    def default_dtypes(self, *, device: str | None = None) -> dict[str, DType]:
        """Name the dtypes that numbers get where none is given; they are the same on every device."""
        return {
            "real floating": dtypes.float32,
            "complex floating": dtypes.complex64,
            "integral": dtypes.int64,
            "indexing": dtypes.int64,
        }

    def dtypes(
        self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, DType]:
        """List the standard's dtypes, by name; those of a kind, or of several."""
        kinds = (kind,) if isinstance(kind, str) else kind
        wrong = [k for k in kinds or () if k not in KINDS]
        if wrong:
            raise InvalidValueError(
                f"[dtypes] got the kind {wrong[0]!r}; expected {', '.join(map(repr, KINDS))}"
            )
        wanted = None if kinds is None else {ours for k in kinds for ours in KINDS[k]}
        named = {name: dtypes.as_dtype(name) for name in _NAMES}
        return {name: d for name, d in named.items() if wanted is None or d.kind in wanted}


def info() -> NamespaceInfo:
    """Describe this namespace as the array API standard asks: capabilities, devices, dtypes.

    Returns:
        An object with the functions `capabilities`, `default_device`, `default_dtypes`, `devices` and `dtypes`.

    Raises:
        Nothing.

    Example:
        >>> penstock.__array_namespace_info__().default_dtypes()["real floating"]
        penstock.float32
    """
    return NamespaceInfo()


__all__ = ["e", "inf", "nan", "newaxis", "pi"]
