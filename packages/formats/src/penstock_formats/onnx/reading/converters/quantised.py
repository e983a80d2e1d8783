"""Operators on quantised numbers. They round halves to the even number, as the standard says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.convolving import convolved, filters, pads_of, window
from penstock_formats.onnx.reading.file import dtype_of_code
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value


def _spread(call: Call, scale: Tensor, x: Tensor) -> Tensor:
    """Give a scale, or zero point, the axes of what it belongs to."""
    if scale.ndim == 0:
        return scale
    if scale.ndim == 1 and isinstance(scale.shape[0], int) and scale.shape[0] == 1 and x.ndim != 1:
        return ps.reshape(scale, ())
    axis = call.attr("axis", 1) % max(x.ndim, 1)
    if scale.ndim == 1:
        return ps.reshape(scale, [-1 if i == axis else 1 for i in range(x.ndim)])
    block = call.attr("block_size", 0)
    if not block:
        return scale
    spread = ps.repeat(scale, block, axis)
    return spread[(slice(None),) * axis + (slice(0, x.shape[axis]),)]


def _each(x: Value, scale: Value, compute: Callable[[Tensor], Tensor]) -> Value:
    """Compute with the order of axes that x has, if one scale serves all of it: convolutions keep theirs."""
    if x.is_last and all(n == 1 for n in scale.shape):
        return Value(last=compute(x.last))
    return Value(compute(x.tensor))


def _limited(x: Tensor, dtype: str) -> Tensor:
    """Keep rounded numbers inside an integer dtype."""
    limits = np.iinfo(dtype)
    return ps.cast(ps.clip(x, float(limits.min), float(limits.max)), dtype)


@converts("QuantizeLinear")
def _quantize(call: Call, x: Value, scale: Value, zero: Value | None = None) -> Value:
    code = call.attr("output_dtype", 0)
    dtype = zero.dtype if zero is not None else dtype_of_code(code, call.where) if code else "uint8"
    if dtype not in ("int8", "uint8", "int16", "uint16", "int32"):
        raise call.unsupported(f"quantising to {dtype}")

    def quantized(t: Tensor) -> Tensor:
        numbers = ps.cast(t, "float32" if x.dtype != "float64" else "float64")
        rounded = ps.round(numbers / ps.cast(_spread(call, scale.tensor, t), numbers.dtype))
        if zero is not None:
            rounded = rounded + ps.cast(_spread(call, zero.tensor, t), rounded.dtype)
        return _limited(rounded, dtype)

    return _each(x, scale, quantized)


@converts("DequantizeLinear")
def _dequantize(call: Call, x: Value, scale: Value, zero: Value | None = None) -> Value:
    code = call.attr("output_dtype", 0)
    dtype = dtype_of_code(code, call.where) if code else scale.dtype

    def dequantized(t: Tensor) -> Tensor:
        steps = _spread(call, ps.cast(scale.tensor, "float32"), t)
        if zero is None:
            return ps.cast(ps.cast(t, "float32") * steps, dtype)
        shifted = ps.cast(t, "int32") - ps.cast(_spread(call, zero.tensor, t), "int32")
        return ps.cast(ps.cast(shifted, "float32") * steps, dtype)

    return _each(x, scale, dequantized)


@converts("DynamicQuantizeLinear", tensors=True)
def _dynamic_quantize(_call: Call, x: Tensor) -> list[Tensor]:
    low, high = ps.minimum(ps.min(x), 0.0), ps.maximum(ps.max(x), 0.0)
    scale = (high - low) / 255.0
    safe = ps.where(ps.equal(scale, 0.0), ps.ones_like(scale), scale)
    zero = ps.clip(ps.round(-low / safe), 0.0, 255.0)
    return [_limited(ps.round(x / safe) + zero, "uint8"), scale, ps.cast(zero, "uint8")]


def _shifted(x: Tensor, zero: Value | None, axis: int | None = None) -> Tensor:
    wide = ps.cast(x, "int32")
    if zero is None:
        return wide
    z = ps.cast(zero.tensor, "int32")
    if z.ndim == 1 and axis is not None:
        z = ps.reshape(z, [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    return wide - z


@converts("MatMulInteger")
def _matmul_integer(
    _call: Call, a: Value, b: Value, za: Value | None = None, zb: Value | None = None
) -> Tensor:
    x, y = a.tensor, b.tensor
    return ps.matmul(
        _shifted(x, za, -2 if x.ndim > 1 else None), _shifted(y, zb, -1 if y.ndim > 1 else None)
    )


@converts("QLinearMatMul")
def _qlinear_matmul(_call: Call, *values: Value) -> Tensor:
    a, sa, za, b, sb, zb, sy, zy = values
    total = ps.matmul(_shifted(a.tensor, za, -2), _shifted(b.tensor, zb, -1))
    factor = (
        ps.cast(sa.tensor, "float32")
        * ps.cast(sb.tensor, "float32")
        / ps.cast(sy.tensor, "float32")
    )
    return _rescaled(total, factor, zy)


def _rescaled(total: Tensor, factor: Tensor, zero: Value) -> Tensor:
    rounded = ps.round(ps.cast(total, "float32") * factor) + ps.cast(zero.tensor, "float32")
    return _limited(rounded, zero.dtype)


def _convolved(call: Call, x: Value, zx: Value | None, w: Value, zw: Value | None) -> Tensor:
    rank = x.ndim - 2
    kernel = [int(k) for k in w.shape[2:]]
    strides, dilations = window(call, kernel, rank)
    pads = pads_of(call, list(x.shape[2:]), kernel, strides, dilations)
    # A float64 holds every sum exactly; convolutions have no integers as results.
    weights = ps.cast(_shifted(filters(w), zw, -1), "float64")
    numbers = ps.cast(_shifted(x.last, zx), "float64")
    # Zeros are added to what is shifted already: they stand for the zero point.
    total = convolved(numbers, weights, strides, dilations, pads, call.attr("group", 1))
    return ps.cast(total, "int32")


@converts("ConvInteger")
def _conv_integer(
    call: Call, x: Value, w: Value, zx: Value | None = None, zw: Value | None = None
) -> Value:
    return Value(last=_convolved(call, x, zx, w, zw))


@converts("QLinearConv")
def _qlinear_conv(call: Call, *values: Any) -> Value:
    x, sx, zx, w, sw, zw, sy, zy, *rest = values
    total = _convolved(call, x, zx, w, zw)
    if rest:
        total = total + rest[0].tensor
    return Value(last=_rescaled(total, sx.tensor * sw.tensor / sy.tensor, zy))
