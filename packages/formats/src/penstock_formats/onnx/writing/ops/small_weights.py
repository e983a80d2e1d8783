"""Products of float rows with weights that are kept as integers; the file keeps them so, too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import Value
from penstock_formats.onnx.writing.ops._fixed import round_away

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter


@exports("weight_only_matmul")
def _(w: GraphWriter, node: Node) -> Value:
    x, weights, scales = (w.value(t) for t in node.inputs)
    groups, out = (int(n) for n in node.inputs[2].shape)
    steps = weights if node.attrs["bits"] == 8 else _unpacked(weights, out)
    by_group = steps.cast(x.dtype).reshape(groups, -1, out)
    real = (by_group * scales.cast(x.dtype).unsqueeze(1)).reshape(-1, out)
    return x.op("MatMul", real)


def _unpacked(weights: Value, out: int) -> Value:
    """Take two rows out of each: the low four bits, then the high ones, both raised by 8."""
    bits = weights.cast("int32")
    low, high = (part.unsqueeze(1) for part in (bits % 16, bits / 16))
    return low.op("Concat", high, axis=1).reshape(-1, out) - 8


@exports("dynamic_quantized_matmul")
def _(w: GraphWriter, node: Node) -> Value:
    x, weights, scales = (w.value(t) for t in node.inputs)
    rows = x.cast("float32")
    if node.inputs[0].ndim == 1:
        rows = rows.unsqueeze(0)
    most = rows.op("Abs").reduce("ReduceMax", [-1], keepdims=True)
    odd = rows.op("IsNaN", dtype="bool") | rows.op("IsInf", dtype="bool")
    finite = odd.cast("int32").reduce("ReduceMax", [-1], keepdims=True) == 0
    step = (finite & (most > 0)).where(most / 127, 1)
    steps = finite.where(round_away(rows / step), 0)
    # ONNX Runtime multiplies uint8: both sides are moved up by 128.
    left = (steps + 128).cast("uint8")
    right = (weights.cast("int32") + 128).cast("uint8")
    zero = w.emitter.constant(128, "uint8")
    total: Value = w.emitter.op("MatMulInteger", left, right, zero, zero, dtype="int32")
    real = total.cast("float32") * (step * scales.cast("float32"))
    result = finite.where(real, math.nan).cast(x.dtype)
    return result.squeeze(0) if node.inputs[0].ndim == 1 else result
