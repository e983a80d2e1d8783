"""Sorting and the largest elements, by TopK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import Value

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter


def _top(x: Value, k: Value, axis: int, largest: bool) -> Any:
    attrs: dict[str, Any] = {"axis": axis, "largest": int(largest), "sorted": 1}
    return x.emitter.op("TopK", x, k, dtype=[x.dtype, "int64"], **attrs)


@exports("top_k")
def _(w: GraphWriter, node: Node) -> list[Value]:
    (x,), attrs = node.inputs, node.attrs
    k = w.emitter.ints([attrs["k"]])
    values, places = _top(w.value(x), k, attrs["axis"], attrs["largest"])
    return [values, places.cast(node.outputs[1].dtype.name)]


@exports("sort", "argsort")
def _(w: GraphWriter, node: Node) -> Value:
    (x,), axis = node.inputs, node.attrs["axis"]
    k = w.sizes.vector([x.shape[axis]])
    values, places = _top(w.value(x), k, axis, node.attrs["descending"])
    made: Value = values if node.op == "sort" else places
    return made


@exports("searchsorted")
def _(w: GraphWriter, node: Node) -> Value:
    """Count the elements before each value."""
    row, values = (w.value(t) for t in node.inputs)
    wanted = values.unsqueeze(-1)
    if node.inputs[0].ndim > 1:
        row = row.unsqueeze(-2)
    before = wanted > row if node.attrs["side"] == "left" else wanted >= row
    return before.cast("int64").reduce("ReduceSum", [-1])
