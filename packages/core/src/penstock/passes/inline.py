"""Puts the body of a called subgraph in place of the call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    """Call a graph's ops again on other inputs, in the current graph or at once.

    Devices and control dependencies that the nodes have stay; those that are set around the call hold for the others.
    """
    values = dict(zip((t.value_index for t in body.inputs), inputs, strict=True))
    for node in body.nodes:
        if node.op == "placeholder":
            continue
        first = [c.outputs[0] for c in node.control_inputs]
        with _as_placed(node.device, [values[t.value_index] for t in first]):
            given = [values[t.value_index] for t in node.inputs]
            outputs = _native.call_op(node.op, given, node.attrs)
        values.update(
            (old.value_index, new) for old, new in zip(node.outputs, outputs, strict=True)
        )
    return [values[t.value_index] for t in body.outputs]


@contextmanager
def _as_placed(device: str, first: list[Tensor]) -> Iterator[None]:
    """Give nodes made in the block a device, and what runs before them."""
    outer, controls = _native.get_scope_device(), _native.get_control_inputs()
    _native.set_scope_device(device or outer)
    _native.set_control_inputs([*controls, *(t for t in first if t.is_symbolic)])
    try:
        yield
    finally:
        _native.set_scope_device(outer)
        _native.set_control_inputs(controls)
