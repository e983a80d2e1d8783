"""Pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import FLOATS
from penstock_formats.onnx.writing.ops.convolution import window_attrs

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter


@exports("max_pool2d", "max_pool3d", "avg_pool2d", "avg_pool3d")
def _(w: GraphWriter, node: Node) -> None:
    (x,), size = node.inputs, node.attrs["pool_size"]
    sides = x.ndim - 2
    size = tuple(size) if not isinstance(size, int) else (size,)
    window = [int(n) for n in size] * (sides if len(size) == 1 else 1)
    attrs = window_attrs(node, sides, x.shape, window)
    op_type = "MaxPool" if node.op.startswith("max") else "AveragePool"
    value = w.first(x)
    if x.node.op == "pad" and op_type == "MaxPool":
        # ONNX Runtime 1.31 makes a Pad of zeros part of a MaxPool, which pads with -infinity: keep them apart.
        value = value.op("Clip")
    if value.dtype in FLOATS or (op_type == "MaxPool" and value.dtype in ("int8", "uint8")):
        w.keep_first(node.outputs[0], value.op(op_type, **attrs))
    else:  # ONNX pools no other integers
        pooled = value.cast("float64").op(op_type, **attrs)
        w.keep_first(node.outputs[0], pooled.cast(node.outputs[0].dtype.name))
