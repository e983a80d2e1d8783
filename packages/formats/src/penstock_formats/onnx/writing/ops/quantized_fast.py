"""Quantised ops as ONNX runtimes know them, for speed: float ops between DequantizeLinear and QuantizeLinear.

Runtimes make integer kernels of these, which round otherwise than Penstock's: results may be some steps away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock_formats.onnx.writing._table import exports_fast
from penstock_formats.onnx.writing._values import Value
from penstock_formats.onnx.writing.ops.convolution import depthwise_filter, window_attrs
from penstock_formats.onnx.writing.ops.quantized import either, keep, parameters

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter


def _real(x: Value, scale: Any, zero: Any, axis: int = 0) -> Value:
    """Dequantise: by one scale, or by one for each index of an axis."""
    constant = x.emitter.constant
    scale = np.asarray(scale)
    inputs = [x, constant(scale, "float32")]
    if x.dtype != "int32":
        inputs.append(constant(np.broadcast_to(zero, scale.shape), x.dtype))
    attrs: dict[str, Any] = {"axis": axis} if scale.ndim else {}
    made: Value = x.emitter.op("DequantizeLinear", *inputs, dtype="float32", **attrs)
    return made


def _steps(x: Value, scale: Any, zero: Any, dtype: str, axis: int = 0) -> Value:
    constant = x.emitter.constant
    scale = np.asarray(scale)
    inputs = [x, constant(scale, "float32"), constant(np.broadcast_to(zero, scale.shape), dtype)]
    attrs: dict[str, Any] = {"axis": axis} if scale.ndim else {}
    made: Value = x.emitter.op("QuantizeLinear", *inputs, dtype=dtype, **attrs)
    return made


def _activated(x: Value, activation: str | None) -> Value:
    if activation == "relu":
        return x.op("Relu")
    limits = {"relu6": (0, 6), "relu_n1_to_1": (-1, 1)}
    return x.op("Clip", *limits[activation]) if activation in limits else x


@exports_fast("quantized_conv2d", "quantized_depthwise_conv2d")
def _(w: GraphWriter, node: Node) -> None:
    image, filter = node.inputs[:2]
    bias, x_scale, x_zero, f_scale, f_zero, y_scale, y_zero = parameters(w, node, 2)
    rows, columns = (int(n) for n in filter.shape[:2])
    if node.op == "quantized_conv2d":
        weights, groups = w.permuted(filter, (3, 2, 0, 1)), int(node.attrs["groups"])
    else:
        weights, groups = depthwise_filter(w, node), int(filter.shape[2])
    real = _real(w.first(image), x_scale, x_zero).op(
        *("Conv", _real(weights, f_scale, f_zero), _bias(w, bias, x_scale, f_scale)),
        group=groups,
        **window_attrs(node, 2, image.shape, (rows, columns)),
    )
    real = _activated(real, node.attrs["activation"])
    w.keep_first(node.outputs[0], _steps(real, y_scale, y_zero, image.dtype.name))


def _bias(w: GraphWriter, bias: Any, x_scale: Any, weights_scale: Any) -> Value:
    scale = np.float32(x_scale) * np.asarray(weights_scale, np.float32)
    return _real(w.emitter.constant(bias, "int32"), scale, 0)


@exports_fast("quantized_matmul")
def _(w: GraphWriter, node: Node) -> Value:
    rows, weights = node.inputs[:2]
    bias, x_scale, x_zero, w_scale, w_zero, y_scale, y_zero = parameters(w, node, 2)
    axes = (1, 0) if node.attrs["transpose_weights"] else (0, 1)
    matrix = _real(w.permuted(weights, axes), w_scale, w_zero, axis=1)
    x, addend = _real(w.value(rows), x_scale, x_zero), _bias(w, bias, x_scale, w_scale)
    real = x.op("Gemm", matrix, addend) if rows.ndim == 2 else x.op("MatMul", matrix) + addend
    real = _activated(real, node.attrs["activation"])
    return _steps(real, y_scale, y_zero, rows.dtype.name)


@exports_fast("quantized_add", "quantized_multiply")
def _(w: GraphWriter, node: Node) -> None:
    x, y = node.inputs[:2]
    first = w.prefers_first(x) and w.prefers_first(y) and x.ndim == y.ndim
    x_scale, x_zero, y_scale, y_zero, z_scale, z_zero = parameters(w, node, 2)
    left, right = (w.first(t) if first else w.value(t) for t in (x, y))
    left, right = _real(left, x_scale, x_zero), _real(right, y_scale, y_zero)
    total = left * right if node.op == "quantized_multiply" else left + right
    total = _activated(total, node.attrs["activation"])
    keep(w, node, _steps(total, z_scale, z_zero, x.dtype.name), first)


@exports_fast("quantized_avg_pool2d")
def _(w: GraphWriter, node: Node) -> None:
    (image,), size = node.inputs, node.attrs["pool_size"]
    window = [int(n) for n in size] * (2 if len(size) == 1 else 1)
    attrs = window_attrs(node, 2, image.shape, window)
    pooled = _real(w.first(image), 1.0, 0).op("AveragePool", **attrs)
    w.keep_first(node.outputs[0], _steps(pooled, 1.0, 0, image.dtype.name))


@exports_fast("quantized_concat")
def _(w: GraphWriter, node: Node) -> Value:
    scales, zeros, y_scale, y_zero = (a for a in parameters(w, node, 0, 4))
    tensors = node.inputs[4:]
    parts = [
        _real(w.value(t), scale, zero)
        for t, scale, zero in zip(tensors, scales, zeros, strict=True)
    ]
    out = node.outputs[0]
    axis = node.attrs["axis"] % out.ndim
    joined: Value = w.emitter.op("Concat", *parts, dtype="float32", axis=axis)
    return _steps(joined, y_scale, y_zero, out.dtype.name)


@exports_fast("requantize")
def _(w: GraphWriter, node: Node) -> None:
    x_scale, x_zero, y_scale, y_zero = parameters(w, node, 1)
    x, first = either(w, node)
    real = _real(x, x_scale, x_zero)
    keep(w, node, _steps(real, y_scale, y_zero, node.outputs[0].dtype.name), first)


@exports_fast("quantized_softmax")
def _(w: GraphWriter, node: Node) -> Value:
    (scale,) = parameters(w, node, 1)
    dtype = node.outputs[0].dtype.name
    real = _real(w.value(node.inputs[0]), scale, 0)
    if node.attrs["beta"] != 1.0:
        real = real * node.attrs["beta"]
    # ONNX Runtime 1.31 gives 0 for the only class, where it makes one kernel of it all: 256 wraps. Keep them apart.
    chances = real.op("Softmax", axis=-1).op("Min", 255 / 256)
    return _steps(chances, 1 / 256, np.iinfo(dtype).min, dtype)


@exports_fast("quantize", "dequantize")
def _(w: GraphWriter, node: Node) -> None:
    scale, zero = parameters(w, node, 1)
    x, first = either(w, node)
    rank = node.inputs[0].ndim
    axis = node.attrs["axis"] % max(rank, 1)
    if first:
        axis = 1 if axis == rank - 1 else axis + (axis > 0)
    if node.op == "dequantize":
        made = _real(x, scale, zero, axis).cast(node.outputs[0].dtype.name)
    else:
        made = _steps(x.cast("float32"), scale, zero, node.outputs[0].dtype.name, axis)
    keep(w, node, made, first)
