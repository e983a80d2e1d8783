"""Integer arithmetic of quantised kernels: what TensorFlow Lite's reference kernels round, and how.

A real multiplier m > 0 becomes m = multiplier · 2^(shift - 31), with 2^30 <= multiplier < 2^31. A number is
multiplied by it in two roundings: the high half of a doubled 64 bit product, then a division by a power of two. Dense
layers round only once: the interpreter does so even when it is asked for its reference kernels.
All functions work on NumPy arrays of int64 that hold 32 bit numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import InvalidValueError

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

# What an activation leaves of the real numbers.
ACTIVATIONS = {
    None: (None, None),
    "relu": (0.0, None),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
}


def wrapped(x: Any) -> Any:
    """Keep the low 32 bits, as int32 arithmetic does."""
    return np.asarray(x, np.int64).astype(np.int32).astype(np.int64)


def round_away(x: Any) -> Any:
    """Round to the nearest whole number, halves away from zero."""
    x = np.asarray(x)
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.sign(x), whole)


def quantized_multiplier(real: Any) -> tuple[Any, Any]:
    """Split real multipliers into 31 bits and a shift, at most 30; what is below 2^-32 becomes 0."""
    mantissa, shift = np.frexp(np.asarray(real, np.float64))
    multiplier = np.floor(mantissa * 2.0**31 + 0.5).astype(np.int64)
    full = multiplier == 2**31
    multiplier, shift = np.where(full, 2**30, multiplier), shift.astype(np.int64) + full
    tiny, huge = shift < -31, shift > 30
    multiplier = np.where(huge, INT32_MAX, np.where(tiny, 0, multiplier))
    return multiplier, np.where(huge, 30, np.where(tiny, 0, shift))


def doubling_high_mul(a: Any, b: Any) -> Any:
    """Take the high 32 bits of 2·a·b, rounded; only INT32_MIN squared does not fit, and saturates."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    nudged = product + np.where(product >= 0, 2**30, 1 - 2**30)
    high = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))
    return np.minimum(high, INT32_MAX)


def divide_by_power_of_two(x: Any, exponent: Any) -> Any:
    """Divide by 2^exponent, rounded to nearest, halves away from zero."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def times(x: Any, multiplier: Any, shift: Any) -> Any:
    """Multiply 32 bit numbers by a real multiplier that `quantized_multiplier` split."""
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    shifted = wrapped(np.asarray(x, np.int64) << left)
    return divide_by_power_of_two(doubling_high_mul(shifted, multiplier), right)


def times_rounded_once(x: Any, multiplier: Any, shift: Any) -> Any:
    """Multiply as `times` does, but round the 64 bit product only once, halves upwards."""
    down = 31 - np.asarray(shift, np.int64)
    return (np.asarray(x, np.int64) * multiplier + (np.int64(1) << (down - 1))) >> down


def limits(dtype: Any) -> tuple[int, int]:
    """Return the smallest and the largest integer of a dtype."""
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def activation_range(op: str, activation: str | None, dtype: Any, scale: Any, zero: Any) -> Any:
    """Return the smallest and the largest quantised result that an activation allows."""
    need_positive(op, "y_scale", scale)
    low, high = limits(dtype)
    bottom, top = ACTIVATIONS[activation]
    if bottom is not None:
        low = max(low, _quantized(bottom, scale, zero))
    if top is not None:
        high = min(high, _quantized(top, scale, zero))
    return low, high


def _quantized(value: float, scale: Any, zero: Any) -> int:
    steps = round_away(np.float32(value) / np.float32(scale))
    return int(zero) + int(np.clip(steps, INT32_MIN, INT32_MAX))


def need_positive(op: str, name: str, scale: Any) -> None:
    """Refuse scales that are not positive and finite."""
    bad = ~(np.isfinite(scale) & (np.asarray(scale) > 0))
    if bad.any():
        raise InvalidValueError(
            f"[{op}] got a {name} of {np.asarray(scale)[bad][0]:g}; a scale must be positive and finite; "
            "compute it as (largest - smallest) / 255"
        )


def requantized(
    op: str,
    total: Any,
    real: Any,
    y_scale: Any,
    y_zero: Any,
    *,
    activation: str | None,
    dtype: Any,
    once: bool = False,
) -> Any:
    """Bring 32 bit sums to the result's scale and zero point, and clamp them: the end of most kernels."""
    low, high = activation_range(op, activation, dtype, y_scale, y_zero)
    multiply = times_rounded_once if once else times
    result = multiply(wrapped(total), *quantized_multiplier(real)) + np.int64(y_zero)
    return np.clip(result, low, high).astype(dtype)
