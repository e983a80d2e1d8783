"""Norms that ONNX has; the others are compositions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock_formats.onnx.writing._table import exports

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter


@exports("layer_norm")
def _(w: GraphWriter, node: Node) -> Any:
    _, scale, offset = node.inputs
    dtype = node.outputs[0].dtype.name
    values = [w.value(t).cast(dtype) for t in node.inputs]
    return w.emitter.op(
        "LayerNormalization",
        *values,
        dtype=[t.dtype.name for t in node.outputs],
        axis=-max(scale.ndim, offset.ndim),
        epsilon=node.attrs["epsilon"],
    )
