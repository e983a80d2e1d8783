"""Arithmetic of TensorFlow Lite's integer kernels: once in NumPy for tables, once as ops for graphs.

A real multiplier m > 0 is multiplier · 2^(shift - 31) with 31 bits; products are rounded twice, to 32 bits and by the
shift, halves away from zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import penstock as ps


def split(real: float) -> tuple[int, int]:
    """Split a multiplier into 31 bits and a shift."""
    mantissa, shift = math.frexp(real)
    multiplier = math.floor(mantissa * 2.0**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def high_product(x: Any, multiplier: Any, bits: int = 32) -> Any:
    """Take the upper half of 2·x·multiplier, rounded; only the square of the smallest integer saturates."""
    product = np.asarray(x, np.int64) * multiplier
    half = 1 << (bits - 2)
    nudged = product + np.where(product >= 0, half, 1 - half)
    high = np.where(nudged >= 0, nudged >> (bits - 1), -(-nudged >> (bits - 1)))
    return np.minimum(high, (1 << (bits - 1)) - 1)


def shifted_down(x: Any, count: int) -> Any:
    """Divide by 2^count, rounded, halves away from zero."""
    x = np.asarray(x, np.int64)
    mask = (1 << count) - 1
    return (x >> count) + ((x & mask) > (mask >> 1) + (x < 0))


def times(x: Any, multiplier: int, shift: int) -> Any:
    """Multiply by a multiplier that `split` made."""
    return shifted_down(
        high_product(np.asarray(x, np.int64) << max(shift, 0), multiplier), max(-shift, 0)
    )


def graph_times(x: Any, multiplier: Any, shift: Any) -> Any:
    """Do what `times` does with ops, on an int64 tensor; multiplier and shift may be arrays that broadcast with it."""
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift, np.int64), 0)
    product = ps.multiply(x, _int64(multiplier) << _int64(left))
    half = 1 << 30
    nudged = product + ps.where(product >= 0, _int64(half), _int64(1 - half))
    up, down = (ps.bitwise_right_shift(n, _int64(31)) for n in (nudged, -nudged))
    high = ps.where(nudged >= 0, up, -down)
    return high if not np.any(right) else graph_shifted_down(high, right)


def graph_shifted_down(x: Any, count: Any) -> Any:
    """Do what `shifted_down` does with ops, on an int64 tensor."""
    count = _int64(count)
    mask = (1 << count) - 1
    least = (mask >> 1) + ps.cast(x < 0, "int64")
    up = ps.bitwise_and(x, _int64(mask)) > least
    return ps.bitwise_right_shift(x, count) + ps.cast(up, "int64")


def _int64(value: Any) -> Any:
    return np.asarray(value, np.int64)


def graph_limited(x: Any, zero_point: int, dtype: str) -> Any:
    """Add the zero point to int64 numbers and keep them inside a dtype."""
    info = np.iinfo(dtype)
    return ps.cast(ps.clip(x + _int64(zero_point), int(info.min), int(info.max)), dtype)


def graph_reduced(x: Any, zero: int, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Add up x - zero along axes, in int64."""
    return ps.sum(ps.cast(x, "int64") - _int64(zero), axes, keepdims=keepdims)
