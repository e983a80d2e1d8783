"""Computes now what is known now."""

from __future__ import annotations

from penstock import _native
from penstock._native import Dim, Graph, Node, Tensor
from penstock.graph import eagerly
from penstock.passes._rewrite import rewrite

# Larger results would cost more memory than the work they save.
MAX_ELEMENTS = 1 << 16
# Made in place faster than read from memory, and small in the text.
_MAKERS = ("full", "arange")


def fold_constants(graph: Graph, max_elements: int = MAX_ELEMENTS) -> Graph:
    """Replace pure nodes whose inputs are all constants by their value, where that has not too many elements.

    Casts to fewer bytes, of weights to bfloat16 for instance, are replaced at any size.
    """

    def fold(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
        if not _foldable(node, inputs, max_elements):
            return None
        known = [t.node.attrs["value"] for t in inputs]
        _native.set_scope_device("")  # a constant is the host's, wherever it is used
        with eagerly():
            results = _native.call_op(node.op, known, node.attrs)
        target = _native.current_graph()
        assert target is not None  # rewrite pushed it
        return [target.constant(value, node.name.rsplit("/", 1)[-1]) for value in results]

    if not any(_foldable(node, node.inputs, max_elements) for node in graph.nodes):
        return graph
    return rewrite(graph, fold)


def _foldable(node: Node, inputs: list[Tensor], max_elements: int) -> bool:
    if node.effects != "none" or node.op in (
        "constant",
        "placeholder",
        "call",
        "cond",
        "while",
        "scan",
        "to_device",
        "custom_gradient",
    ):
        return False
    if not node.inputs and node.op not in _MAKERS:
        return False
    if any(t.node.op != "constant" for t in inputs):
        return False
    if any(isinstance(d, Dim) for t in node.outputs for d in t.shape):
        return False
    if node.op == "cast" and node.outputs[0].dtype.itemsize < inputs[0].dtype.itemsize:
        return True
    limit = 1 if node.op in _MAKERS else max_elements
    return all(int(t.size) <= limit for t in node.outputs)
