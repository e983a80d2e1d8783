"""Quantised ops, bit for bit: integer products, then the fixed point arithmetic of TensorFlow Lite on int64.

ONNX's own QLinear ops round in floating point, so a last bit may differ; these formulas never do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import FormatError
from penstock.ops import _fixed_point as fixed
from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import Value
from penstock_formats.onnx.writing.ops._fixed import (
    fixed_softmax,
    round_away,
    times,
    times_rounded_once,
)
from penstock_formats.onnx.writing.ops.convolution import window_attrs

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter

_WHY = "the arithmetic of quantised ops is worked out while writing"


def parameters(w: GraphWriter, node: Node, first: int, last: int | None = None) -> list[Any]:
    """Return the numbers of scales, zero points and what else stands from one input to another."""
    inputs = range(len(node.inputs))[first:last]
    return [w.numbers(node, i, _WHY) for i in inputs]


def either(w: GraphWriter, node: Node) -> tuple[Value, bool]:
    """Return the first input in the layout it is there in, and whether its channels are first."""
    t = node.inputs[0]
    first = w.prefers_first(t)
    return (w.first(t) if first else w.value(t)), first


def keep(w: GraphWriter, node: Node, value: Value, first: bool) -> None:
    """Keep the result in the layout it was made in."""
    (w.keep_first if first else w.keep)(node.outputs[0], value)


def _column(values: Any, rank: int, axis: int) -> Any:
    """Bring numbers to `rank` axes, along one of them."""
    values = np.asarray(values)
    if not values.ndim:
        return values
    return values.reshape([-1 if i == axis else 1 for i in range(rank)])


def _requantized(
    total: Value,
    real: Any,
    y_scale: Any,
    y_zero: Any,
    dtype: str,
    *,
    activation: str | None = None,
    axis: int = -1,
    rank: int = 0,
    once: bool = False,
) -> Value:
    """Bring sums of int64 to the result's scale and zero point, and clamp them."""
    low, high = fixed.activation_range("onnx", activation, dtype, y_scale, y_zero)
    multiplier, shift = (_column(v, rank, axis) for v in fixed.quantized_multiplier(real))
    multiply = times_rounded_once if once else times
    moved = multiply(total, multiplier, shift) + int(y_zero)
    return moved.op("Max", low).op("Min", high).cast(dtype)


# ---- products


def _unsigned(x: Value, zero: Any) -> tuple[Value, Any]:
    """Move int8 up by 128, zero point and all: ONNX Runtime multiplies uint8."""
    if x.dtype == "uint8":
        return x, zero
    return (x.cast("int32") + 128).cast("uint8"), np.asarray(zero).astype(np.int64) + 128


def _integer_conv(w: GraphWriter, node: Node, axes: Any, sides: int, groups: int) -> None:
    image, filter = node.inputs[:2]
    bias, x_scale, x_zero, f_scale, f_zero, y_scale, y_zero = parameters(w, node, 2)
    dtype = image.dtype.name
    x, x_zero = _unsigned(w.first(image), x_zero)
    weights = w.numbers(node, 1, _WHY).transpose(axes)
    count = int(np.prod([int(n) for n in filter.shape[2:]])) if sides == 0 else int(filter.shape[3])
    rows, columns = (int(n) for n in filter.shape[:2])
    weights = weights.reshape(count, -1, rows, columns).astype(np.int64)
    zeros = np.broadcast_to(f_zero.astype(np.int64), (count,))
    attrs = window_attrs(node, 2, image.shape, (rows, columns))
    constant = w.emitter.constant
    moved, zero = _centred(node, weights - zeros.reshape(-1, 1, 1, 1))
    sums: Value = w.emitter.op(
        *("ConvInteger", x, constant(moved, "uint8")),
        *(constant(x_zero, "uint8"), constant(zero, "uint8")),
        dtype="int32",
        group=groups,
        **attrs,
    )
    total = sums.cast("int64") + constant(_column(bias.astype(np.int64), 4, 1), "int64")
    real = _multiplier(x_scale, f_scale, y_scale, in_double=dtype == "int8")
    made = _requantized(
        total,
        real,
        y_scale,
        y_zero,
        dtype,
        activation=node.attrs["activation"],
        axis=1,
        rank=4,
    )
    w.keep_first(node.outputs[0], made)


def _centred(node: Node, weights: Any) -> tuple[Any, int]:
    """Move weights whose zero is 0 into uint8, so that one zero point serves all.

    Raises:
        FormatError: They are too far apart.
    """
    low, high = int(weights.min(initial=0)), int(weights.max(initial=0))
    zero = 128 if low >= -128 and high < 128 else -low
    if high + zero > 255:
        raise FormatError(
            f"[onnx] the weights of {node.name} ({node.op}) go from {low} to {high} around their zero points; ONNX "
            "takes 8 bits. Quantise them symmetrically, with zero points of 0"
        )
    return weights + zero, zero


def _multiplier(x_scale: Any, scales: Any, y_scale: Any, in_double: bool) -> Any:
    product = x_scale.astype(np.float64) * scales.astype(np.float64)
    if not in_double:
        product = product.astype(np.float32).astype(np.float64)
    return product / y_scale.astype(np.float64)


@exports("quantized_conv2d")
def _(w: GraphWriter, node: Node) -> None:
    _integer_conv(w, node, (3, 2, 0, 1), 2, int(node.attrs["groups"]))


@exports("quantized_depthwise_conv2d")
def _(w: GraphWriter, node: Node) -> None:
    _integer_conv(w, node, (2, 3, 0, 1), 0, int(node.inputs[1].shape[2]))


@exports("quantized_matmul")
def _(w: GraphWriter, node: Node) -> Value:
    rows, given = w.value(node.inputs[0]), w.numbers(node, 1, _WHY)
    bias, x_scale, x_zero, w_scale, w_zero, y_scale, y_zero = parameters(w, node, 2)
    weights = given.T if node.attrs["transpose_weights"] else given
    x, x_zero = _unsigned(rows, x_zero)
    constant = w.emitter.constant
    matrix, zero = _centred(node, weights.astype(np.int64) - w_zero)
    sums: Value = w.emitter.op(
        *("MatMulInteger", x, constant(matrix, "uint8")),
        *(constant(x_zero, "uint8"), constant(zero, "uint8")),
        dtype="int32",
    )
    total = sums.cast("int64") + constant(bias, "int64")
    real = _multiplier(x_scale, w_scale, y_scale, in_double=bool(w_scale.ndim))
    return _requantized(
        total,
        real,
        y_scale,
        y_zero,
        rows.dtype,
        activation=node.attrs["activation"],
        axis=node.outputs[0].ndim - 1,
        rank=node.outputs[0].ndim,
        once=True,
    )


@exports("quantized_avg_pool2d")
def _(w: GraphWriter, node: Node) -> None:
    """Sum by an average whose product with the window is a whole number again, after rounding."""
    (image,), attrs = node.inputs, node.attrs
    size = attrs["pool_size"]
    window = [int(n) for n in size] * (2 if len(size) == 1 else 1)
    made = window_attrs(node, 2, image.shape, window)
    whole = int(np.prod(window))
    options = {**made, "count_include_pad": 1}
    x = w.first(image).cast("float32")
    total = (x.op("AveragePool", **options) * whole).op("Round").cast("int64")
    count: Any = whole
    if any(made.get("pads", ())) or "auto_pad" in made:
        ones = w.emitter.constant(np.ones(1), "float32").op(
            "Expand", w.sizes.vector([1, 1, *image.shape[1:3]])
        )
        count = (ones.op("AveragePool", **options) * whole).op("Round").cast("int64")
    half = count / 2 if isinstance(count, Value) else count // 2
    result = total.op("Sign") * ((total.op("Abs") + half) / count)
    w.keep_first(node.outputs[0], result.cast(image.dtype.name))


# ---- element by element


@exports("quantized_add", "quantized_multiply")
def _(w: GraphWriter, node: Node) -> None:
    x, y = node.inputs[:2]
    first = w.prefers_first(x) and w.prefers_first(y) and x.ndim == y.ndim
    pair = [(w.first(t) if first else w.value(t)).cast("int64") for t in (x, y)]
    x_scale, x_zero, y_scale, y_zero, z_scale, z_zero = parameters(w, node, 2)
    centred = [v - int(zero) for v, zero in zip(pair, (x_zero, y_zero), strict=True)]
    real: Any
    if node.op == "quantized_multiply":
        total = centred[0] * centred[1]
        real = np.float32(np.float32(x_scale) * np.float32(y_scale)) / np.float32(z_scale)
    else:
        twice = 2.0 * max(float(x_scale), float(y_scale))
        parts = [
            times(v * 2**20, *fixed.quantized_multiplier(float(scale) / twice))
            for v, scale in zip(centred, (x_scale, y_scale), strict=True)
        ]
        total, real = parts[0] + parts[1], twice / (2.0**20 * float(z_scale))
    made = _requantized(
        total, real, z_scale, z_zero, x.dtype.name, activation=node.attrs["activation"]
    )
    keep(w, node, made, first)


@exports("requantize")
def _(w: GraphWriter, node: Node) -> None:
    x_scale, x_zero, y_scale, y_zero = parameters(w, node, 1)
    x, first = either(w, node)
    real = float(x_scale) / float(y_scale)
    total = x.cast("int64") - int(x_zero)
    made = _requantized(total, real, y_scale, y_zero, node.outputs[0].dtype.name)
    keep(w, node, made, first)


@exports("quantized_concat")
def _(w: GraphWriter, node: Node) -> Value:
    scales, zeros, y_scale, y_zero = (w.numbers(node, i, _WHY) for i in range(4))
    inverse = np.float32(1) / y_scale.astype(np.float32)
    parts = []
    for t, scale, zero in zip(node.inputs[4:], scales, zeros, strict=True):
        x = w.value(t)
        if scale != y_scale or zero != y_zero:
            factor = np.float32(scale * inverse)
            moved = round_away(x.cast("float32") * factor + np.float32(-zero) * factor)
            low, high = fixed.limits(x.dtype)
            steps = moved.cast("int64") + int(y_zero)
            x = steps.op("Max", low).op("Min", high).cast(x.dtype)
        parts.append(x)
    out = node.outputs[0]
    axis = node.attrs["axis"] % out.ndim
    made: Value = w.emitter.op("Concat", *parts, dtype=out.dtype.name, axis=axis)
    return made


# ---- from and to real numbers


def _along(w: GraphWriter, node: Node, first: bool) -> list[Any]:
    """Scale and zero point with their numbers along the axis, in the layout of the input."""
    scale, zero = parameters(w, node, 1)
    rank = node.inputs[0].ndim
    axis = node.attrs["axis"] % max(rank, 1)
    if first:
        axis = 1 if axis == rank - 1 else axis + (axis > 0)
    return [_column(v, rank, axis) for v in (scale, zero)]


@exports("quantize")
def _(w: GraphWriter, node: Node) -> None:
    x, first = either(w, node)
    scale, zero = _along(w, node, first)
    dtype = node.outputs[0].dtype.name
    x = x.cast("float64" if x.dtype == "float64" else "float32")
    steps = round_away(x / w.emitter.constant(scale, x.dtype))
    steps = steps.op("IsNaN", dtype="bool").where(0, steps).cast("float64")
    low, high = fixed.limits(dtype)
    steps = steps.op("Max", -(2.0**40)).op("Min", 2.0**40)
    moved = steps + w.emitter.constant(zero, "float64")
    keep(w, node, moved.op("Max", low).op("Min", high).cast("int64").cast(dtype), first)


@exports("dequantize")
def _(w: GraphWriter, node: Node) -> None:
    x, first = either(w, node)
    scale, zero = _along(w, node, first)
    steps = x.cast("int64") - w.emitter.constant(zero, "int64")
    made = steps.cast("float64") * w.emitter.constant(scale, "float64")
    keep(w, node, made.cast(node.outputs[0].dtype.name), first)


@exports("fake_quant")
def _(w: GraphWriter, node: Node) -> Value:
    attrs, dtype = node.attrs, node.outputs[0].dtype.name
    kind = "float64" if dtype == "float64" else "float32"
    x, low, high = (w.value(t).cast(kind) for t in node.inputs)
    first, last = float(attrs["narrow_range"]), float(2 ** attrs["num_bits"] - 1)
    scale = (high - low) / (last - first)
    zero = round_away(first - low / scale).op("Max", first).op("Min", last)
    bottom, top = (first - zero) * scale, (last - zero) * scale
    inverse = scale.op("Reciprocal")
    inside = x.op("Max", bottom).op("Min", top) - bottom
    shift = (-bottom * inverse + 0.5).op("Floor")
    steps = (inside * inverse - shift + 0.5).op("Floor")
    return (scale == 0).where(0, steps * scale).cast(dtype)


# ---- softmax


@exports("quantized_softmax")
def _(w: GraphWriter, node: Node) -> Value:
    (scale,) = parameters(w, node, 1)
    return fixed_softmax(
        w.value(node.inputs[0]), float(scale), float(np.float32(node.attrs["beta"]))
    )
