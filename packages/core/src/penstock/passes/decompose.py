"""Replaces ops that no native kernel runs by what they are made of."""

from __future__ import annotations

from penstock import _native
from penstock._native import Graph, Node, Tensor
from penstock.ops._declare import REFERENCE_PRIORITY
from penstock.passes._rewrite import rewrite


def decompose(graph: Graph) -> Graph:
    """Expand ops that have a composition and no native kernel where they are placed."""
    while any(_expandable(node) for node in graph.nodes):
        graph = rewrite(graph, _expand)
    return graph


def _expandable(node: Node) -> bool:
    function = node.op_function
    if function is None or getattr(function, "compose_fn", None) is None:
        return False
    kernel = _native.kernel_for_node(node)
    return kernel is None or kernel[2] <= REFERENCE_PRIORITY


def _expand(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
    if not _expandable(node):
        return None
    result = node.op_function.compose_fn(*inputs, **node.attrs)
    return list(result) if isinstance(result, (tuple, list)) else [result]
