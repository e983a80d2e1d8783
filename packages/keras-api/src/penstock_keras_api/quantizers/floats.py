"""8-bit floats, and rounding for training with quantisation."""

from __future__ import annotations

from typing import Any, Final

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t

# The largest number, the bits of the fraction, and the least exponent.
_KINDS: Final = {
    "float8_e4m3fn": (448.0, 3, -6),
    "float8_e5m2": (57344.0, 2, -14),
}


def compute_float8_scale(amax: Any, scale: Any, dtype_max: float, margin: int = 0) -> Any:
    """Find the scale at which the largest value becomes the largest 8-bit float.

    Args:
        amax: The largest absolute values.
        scale: The scales so far, which stay where `amax` is 0 or not finite.
        dtype_max: The largest 8-bit float.
        margin: By how many powers of 2 to stay below.

    Returns:
        The scales by which values are divided.
    """
    amax, scale = _f(amax), _f(scale)
    good = (amax > 0) & ps.isfinite(amax)
    made = ps.where(good, amax, ps.ones_like(amax)) * (2.0**margin) / dtype_max
    return ps.where(good, made, scale)


def compute_float8_amax_history(x: Any, amax_history: Any) -> Any:
    """Put the largest absolute value of x in front of those of earlier steps, of which the oldest goes.

    Args:
        x: [...].
        amax_history: [steps].

    Returns:
        [steps].
    """
    history = _f(amax_history)
    largest = ps.cast(ps.max(ps.abs(_f(x))), history.dtype)
    rolled = ps.roll(history, -1, axis=0)
    return ps.concat([ps.reshape(largest, (1,)), rolled[1:]], 0)


def quantize_and_dequantize(
    inputs: Any, scale: Any, quantized_dtype: str, compute_dtype: str
) -> Any:
    """Round to what 8-bit floats hold.

    Args:
        inputs: [...].
        scale: By what to divide before, and multiply after.
        quantized_dtype: "float8_e4m3fn" or "float8_e5m2".
        compute_dtype: The dtype of the result.

    Returns:
        [...].

    Raises:
        ValueError: The 8-bit dtype is another.
    """
    name = str(quantized_dtype)
    if name not in _KINDS:
        raise InvalidValueError(
            f"[quantize_and_dequantize] got {name!r}; use 'float8_e4m3fn' or 'float8_e5m2'"
        )
    most, bits, least = _KINDS[name]
    scale = ps.cast(_f(scale), "float32")
    x = ps.clip(ps.cast(_t(inputs), "float32") / scale, -most, most)
    safe = ps.maximum(ps.abs(x), 2.0**least)
    step = ps.exp2(ps.floor(ps.log2(safe)) - bits)
    return ps.cast(ps.round(x / step) * step * scale, compute_dtype)


def fake_quant_with_min_max_vars(
    inputs: Any,
    min_vals: Any,
    max_vals: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Any:
    """Round to the steps that integers between two numbers would have; gradients pass where nothing was cut off.

    Args:
        inputs: [...].
        min_vals: The least number; [channels] with an axis.
        max_vals: The largest number, likewise.
        num_bits: How many bits the integers have.
        narrow_range: Whether the least integer is left out.
        axis: The axis of channels; None for one range.

    Returns:
        [...].
    """
    x = _f(inputs)
    least, most = (ps.cast(_t(v), x.dtype) for v in (min_vals, max_vals))
    if axis is not None:
        shape = [1] * x.ndim
        shape[axis] = -1
        least, most = ps.reshape(least, shape), ps.reshape(most, shape)
    low, high = (1 if narrow_range else 0), 2**num_bits - 1
    step = (most - least) / (high - low)
    inverse = (high - low) / (most - least)
    zero = low - least * inverse
    zero = ps.where(
        least > 0, ps.full_like(zero, low), ps.where(most < 0, ps.full_like(zero, high), zero)
    )
    zero = ps.floor(ps.clip(zero, low, high) + 0.5)
    bottom, top = (low - zero) * step, (high - zero) * step
    inside = ps.clip(x, bottom, top)  # its gradient is 1 inside, 0 outside
    made = ps.floor((inside - bottom) * inverse + 0.5) * step + bottom
    return inside + ps.stop_gradient(made - inside)
