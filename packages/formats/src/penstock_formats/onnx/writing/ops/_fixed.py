"""The fixed point arithmetic of quantised kernels as formulas of int64 values; `penstock.ops` says what they round."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.ops import _fixed_point as fixed
from penstock.ops import _fixed_softmax as reference
from penstock_formats.onnx.writing._values import Value

_POWERS = [2**k for k in range(63)]


def round_away(x: Value) -> Value:
    """Round to the nearest whole number, halves away from zero."""
    whole = (x < 0).where(x.op("Ceil"), x.op("Floor"))
    return ((x - whole).op("Abs") >= 0.5).where(whole + x.op("Sign"), whole)


def doubling_high_mul(a: Value, b: Any) -> Value:
    """Take the high 32 bits of 2·a·b, rounded. ONNX's Div rounds towards zero, as is wanted here."""
    product = a * a.like(b)
    nudge = (product >= 0).where(a.like(2**30), a.like(1 - 2**30))
    return ((product + nudge) / 2**31).op("Min", fixed.INT32_MAX)


def divide_by_power_of_two(x: Value, exponent: Any) -> Value:
    """Divide by 2^exponent, an array or a value, rounded to nearest, halves away from zero."""
    if isinstance(exponent, Value):
        power = x.emitter.constant(_POWERS, "int64").op("Gather", exponent, axis=0)
        half = (power - 1) / 2
    else:
        shift = np.asarray(exponent, np.int64)
        if not shift.any():
            return x
        power = x.like(np.int64(1) << shift)
        half = x.like(((np.int64(1) << shift) - 1) >> 1)
    rest = x % power
    threshold = half + (x < 0).cast("int64")
    return (x - rest) / power + (rest > threshold).cast("int64")


def times(x: Value, multiplier: Any, shift: Any) -> Value:
    """Multiply by a real number that `quantized_multiplier` split."""
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    if np.any(left):
        x = (x * (np.int64(1) << left)).cast("int32").cast("int64")
    return divide_by_power_of_two(doubling_high_mul(x, np.asarray(multiplier)), right)


def times_rounded_once(x: Value, multiplier: Any, shift: Any) -> Value:
    """Multiply as `times` does, but round only once, halves upwards."""
    down = 31 - np.asarray(shift, np.int64)
    return (x * np.asarray(multiplier) + (np.int64(1) << (down - 1))) // (np.int64(1) << down)


def fixed_softmax(x: Value, scale: float, beta: float) -> Value:
    """Take the softmax over the last axis. There are 256 differences, so the exponentials are a table."""
    emitter = x.emitter
    exps, parts, counts = _tables(scale, beta)
    steps = x.cast("int64")
    below = steps.reduce("ReduceMax", [-1], keepdims=True) - steps
    sums = emitter.constant(parts, "int64").op("Gather", below, axis=0)
    total = sums.reduce("ReduceSum", [-1], keepdims=True)
    # above = 31 - floor(log2(total)): how far to shift the highest bit.
    bits = (total >= emitter.constant(_POWERS[1:44], "int64")).cast("int64")
    above = 31 - bits.reduce("ReduceSum", [-1], keepdims=True)
    powers = emitter.constant(_POWERS, "int64")
    leading = total * powers.op("Gather", above.op("Max", 0), axis=0)
    leading = leading // powers.op("Gather", (-above).op("Max", 0), axis=0)
    inverse = _reciprocal_of_one_plus(leading - 2**31)
    exponent = 12 - above + (31 - 8)
    found = emitter.constant(exps, "int64").op("Gather", below, axis=0)
    low, high = fixed.limits(x.dtype)
    result = divide_by_power_of_two(doubling_high_mul(inverse, found), exponent) + low
    result = result.op("Max", low).op("Min", high)
    known = emitter.constant(counts, "bool").op("Gather", below, axis=0)
    return known.where(result, low).cast(x.dtype)


def _tables(scale: float, beta: float) -> tuple[Any, Any, Any]:
    """For each difference to the largest: its exponential, what it adds to the sum, whether it counts."""
    real = min(beta * scale * 2.0**26, 2.0**31 - 1.0)
    multiplier, shift = (int(v) for v in fixed.quantized_multiplier(real))
    diff = -np.arange(256, dtype=np.int64)
    counts = diff >= -int(np.floor(31 * 2.0**26 / 2.0**shift))
    steps = fixed.times(np.where(counts, diff, 0), multiplier, shift)
    exps = reference.exp_of_negative(steps)
    parts = np.where(counts, fixed.divide_by_power_of_two(exps, 12), 0)
    return exps, parts, counts


def _reciprocal_of_one_plus(a: Value) -> Value:
    """Take 1 / (1 + a) for 0 <= a < 1 in 31 bits, by three steps of Newton's."""
    half = (a + 2**31) // 2
    slope = int(np.floor(32 / 17 * 2**29 + 0.5))
    x = doubling_high_mul(half, -slope) + int(np.floor(48 / 17 * 2**29 + 0.5))
    for _ in range(3):
        error = 2**29 - doubling_high_mul(half, x)
        x = x + _saturated(doubling_high_mul(x, error) * 4)
    return _saturated(x * 2)


def _saturated(x: Value) -> Value:
    return x.op("Max", fixed.INT32_MIN).op("Min", fixed.INT32_MAX)
