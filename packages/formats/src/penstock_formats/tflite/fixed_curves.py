"""Sigmoid and tanh of 16 bit fixed point numbers, as tables of all 65,536 results.

Numbers Qm.n have m integer bits and n = 15 - m others. The exponential is a product of constants, one for each bit, with
a short series for the rest; 1 / (1 + x) takes three steps of Newton's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from penstock_formats.tflite.fixed_point import high_product, shifted_down

_BITS = 16
_MOST, _LEAST = 2**15 - 1, -(2**15)


def _constant(value: float, integer_bits: int) -> int:
    """Round a number to 32 bits, then to 16."""
    wide = int(np.floor(value * 2.0 ** (31 - integer_bits) + 0.5))
    return int(shifted_down(wide, 16))


def _times(a: Any, b: Any) -> Any:
    return high_product(a, b, _BITS)


def _saturated_up(x: Any, count: int) -> Any:
    return np.clip(np.asarray(x, np.int64) << count, _LEAST, _MOST)


def _exp_below_quarter(a: Any) -> Any:
    """Take e^a for -1/4 <= a < 0, Q0.15: a series around -1/8."""
    x = a + (1 << 12)
    x2 = _times(x, x)
    x3, x4 = _times(x2, x), _times(x2, x2)
    rest = shifted_down(_times(shifted_down(x4, 2) + x3, _constant(1 / 3, 0)) + x2, 1)
    start = _constant(np.exp(-0.125), 0)
    return np.clip(start + _times(start, x + rest), _LEAST, _MOST)


def _exp_of_negative(a: Any, integer_bits: int) -> Any:
    """Take e^a for a <= 0, Q0.15."""
    fraction_bits = 15 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    part = (a & (quarter - 1)) - quarter
    result = _exp_below_quarter(_saturated_up(part, integer_bits))
    rest = part - a
    for k in range(-2, 5):
        if integer_bits > k:
            scaled = _times(result, _constant(np.exp(-(2.0**k)), 0))
            result = np.where((rest >> (fraction_bits + k)) & 1, scaled, result)
    if integer_bits > 5:
        result = np.where(a < -(1 << (20 - integer_bits)), 0, result)
    return np.where(a == 0, _MOST, result)


def _newton(a: Any) -> Any:
    """Take 2 / (1 + a) for 0 <= a < 1, Q2.13."""
    total = a + _MOST
    half = (total + np.where(total >= 0, 1, -1)) // 2
    x = _constant(48 / 17, 2) + _times(half, _constant(-32 / 17, 2))
    for _ in range(3):
        error = (1 << 13) - _times(half, x)
        x = x + _saturated_up(_times(x, error), 2)
    return x


@lru_cache
def sigmoid_table() -> np.ndarray[Any, Any]:
    """Return the sigmoid of every Q3.12, as Q0.15."""
    a = np.arange(_LEAST, _MOST + 1, dtype=np.int64)
    positive = _saturated_up(_newton(_exp_of_negative(-np.abs(a), 3)), 1)
    result = np.where(a > 0, positive, _MOST - positive)
    return np.where(a == 0, 1 << 14, result).astype(np.int16)


@lru_cache
def tanh_table(integer_bits: int) -> np.ndarray[Any, Any]:
    """Return tanh of every number with so many integer bits, as Q0.15."""
    a = np.arange(_LEAST, _MOST + 1, dtype=np.int64)
    exponential = _exp_of_negative(-np.abs(a), integer_bits + 1)  # of twice the number
    size = _saturated_up(_newton(exponential) - (1 << 13), 2)
    return np.where(a < 0, -size, np.where(a == 0, 0, size)).astype(np.int16)
