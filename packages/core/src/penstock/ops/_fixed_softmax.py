"""Softmax in 32 bit fixed point, as TensorFlow Lite's reference kernel computes it; numbers Qm.n have m integer bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.ops._fixed_point import (
    INT32_MAX,
    INT32_MIN,
    divide_by_power_of_two,
    doubling_high_mul,
    limits,
    quantized_multiplier,
    times,
)

_DIFF_BITS = 5  # of differences to the largest: Q5.26
_SUM_BITS = 12  # of sums of exponentials: Q12.19

# e^-(2^k), Q0.31, for the bits k = -2, ..., 4 of a difference.
_POWERS = [int(np.floor(np.exp(-(2.0**k)) * 2**31 + 0.5)) for k in range(-2, 5)]
_EXP_EIGHTH = int(np.floor(np.exp(-0.125) * 2**31 + 0.5))
_THIRD = int(np.floor(2**31 / 3 + 0.5))
# A line near 1 / x on 0.5 to 1, where Newton's steps begin: Q2.29.
_48_17 = int(np.floor(48 / 17 * 2**29 + 0.5))
_32_17 = -int(np.floor(32 / 17 * 2**29 + 0.5))


def _saturated_shift(x: Any, bits: int) -> Any:
    return np.clip(x << bits, INT32_MIN, INT32_MAX)


def _exp_below_quarter(a: Any) -> Any:
    """Take e^a for -1/4 <= a < 0, Q0.31: a series around -1/8."""
    x = a + (1 << 28)
    x2 = doubling_high_mul(x, x)
    x3 = doubling_high_mul(x2, x)
    x4 = doubling_high_mul(x2, x2)
    fourth = divide_by_power_of_two(x4, 2)
    rest = divide_by_power_of_two(doubling_high_mul(fourth + x3, _THIRD) + x2, 1)
    return _EXP_EIGHTH + doubling_high_mul(np.int64(_EXP_EIGHTH), x + rest)


def exp_of_negative(a: Any) -> Any:
    """Take e^a for a <= 0: Q5.26 in, Q0.31 out."""
    quarter = 1 << (26 - 2)
    part = (a & (quarter - 1)) - quarter
    result = _exp_below_quarter(_saturated_shift(part, _DIFF_BITS))
    rest = part - a
    for k, power in zip(range(-2, 5), _POWERS, strict=True):
        has_bit = (rest >> (26 + k)) & 1
        result = np.where(has_bit == 1, doubling_high_mul(result, np.int64(power)), result)
    return np.where(a == 0, INT32_MAX, result)


def reciprocal_of_one_plus(a: Any) -> Any:
    """Take 1 / (1 + a) for 0 <= a < 1, Q0.31, by three steps of Newton's."""
    half = (a + INT32_MAX + 1) // 2
    x = _48_17 + doubling_high_mul(half, np.int64(_32_17))
    for _ in range(3):
        error = (1 << 29) - doubling_high_mul(half, x)
        x = x + _saturated_shift(doubling_high_mul(x, error), 2)
    return _saturated_shift(x, 1)


def softmax(x: Any, scale: float, beta: float) -> Any:
    """Take the softmax of int8 or uint8 over the last axis; the result has the scale 1/256."""
    if not x.size:
        return x
    real = min(beta * scale * 2.0 ** (31 - _DIFF_BITS), 2.0**31 - 1.0)
    multiplier, shift = (int(v) for v in quantized_multiplier(real))
    least = -int(np.floor((2**_DIFF_BITS - 1) * 2.0 ** (31 - _DIFF_BITS) / 2.0**shift))
    diff = x.astype(np.int64) - x.max(-1, keepdims=True)
    counts = diff >= least
    steps = times(np.where(counts, diff, 0), multiplier, shift)
    exps = exp_of_negative(steps)
    sums = np.where(counts, divide_by_power_of_two(exps, _SUM_BITS), 0).sum(-1, keepdims=True)

    # Bits up to 2^31, negative for huge rows.
    above = 31 - np.floor(np.log2(sums.astype(np.float64))).astype(np.int64)
    over_unit = _SUM_BITS - above
    leading = (sums << np.maximum(above, 0)) >> np.maximum(-above, 0)
    inverse = reciprocal_of_one_plus(leading - 2**31)
    low, high = limits(x.dtype)
    result = divide_by_power_of_two(doubling_high_mul(inverse, exps), over_unit + 31 - 8) + low
    return np.where(counts, np.clip(result, low, high), low).astype(x.dtype)
