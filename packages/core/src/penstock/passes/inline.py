"""Puts the body of a called subgraph in place of the call."""

from __future__ import annotations

from penstock import _native
from penstock._native import Graph, Node, Tensor
from penstock.passes._rewrite import rewrite


def inline_calls(graph: Graph) -> Graph:
    """Replace every `call` node by the nodes of its subgraph."""
    while any(node.op == "call" for node in graph.nodes):
        graph = rewrite(graph, _inline)
    return graph


def _inline(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
    if node.op != "call":
        return None
    return replay(node.attrs["graph"], inputs)


def replay(body: Graph, inputs: list[Tensor]) -> list[Tensor]:
    """Call a graph's ops again on other inputs, in the current graph or at once."""
    values = dict(zip((t.value_index for t in body.inputs), inputs, strict=True))
    for node in body.nodes:
        if node.op == "placeholder":
            continue
        outputs = _native.call_op(node.op, [values[t.value_index] for t in node.inputs], node.attrs)
        values.update(
            (old.value_index, new) for old, new in zip(node.outputs, outputs, strict=True)
        )
    return [values[t.value_index] for t in body.outputs]
