"""Numbers and arrays as C writes them: every float comes back with the same bits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

_WIDTH = 96


def literal(number: Any, dtype: str) -> str:
    """Write one number of a dtype."""
    if dtype in ("float32", "float64"):
        return _real(number, dtype)
    value = int(number)
    if dtype == "int64" or dtype == "uint64":
        if value == -(2**63):
            return "INT64_MIN"
        return f"{'UINT64_C' if dtype == 'uint64' else 'INT64_C'}({value})"
    if value == -(2**31):
        return "INT32_MIN"
    return f"{value}u" if dtype == "uint32" else str(value)


def _real(number: Any, dtype: str) -> str:
    suffix = "f" if dtype == "float32" else ""
    x = np.float32(number) if dtype == "float32" else np.float64(number)
    if np.isnan(x):
        return "NAN"
    if np.isinf(x):
        return "INFINITY" if x > 0 else "-INFINITY"
    return f"{np.format_float_scientific(x, trim='0') if _long(x) else np.format_float_positional(x, trim='0')}{suffix}"


def _long(x: Any) -> bool:
    return bool(x != 0 and not 1e-4 <= abs(x) < 1e9)


def array_lines(array: Any, dtype: str) -> Iterator[str]:
    """Write the elements of an array, row-major, in lines of less than 100 columns."""
    return _filled(literal(x, dtype) for x in np.asarray(array).ravel())


def _filled(words: Iterable[str]) -> Iterator[str]:
    line = "   "
    for word in words:
        if len(line) + len(word) + 2 > _WIDTH:
            yield line
            line = "   "
        line += f" {word},"
    if line.strip():
        yield line
