"""Leaves out what nobody needs."""

from __future__ import annotations

from collections.abc import Container, Iterable

from penstock._native import Graph, Node
from penstock.passes._rewrite import rewrite

# A read can go when nobody looks at it; everything else that does something stays.
_HARMLESS = ("none", "read")


def needed_nodes(roots: Iterable[Node], known: Container[int] = ()) -> set[int]:
    """Find the nodes that `roots` depend on, themselves included, through inputs and control inputs.

    Args:
        roots: Where to start.
        known: Numbers of values that need not be computed.

    Returns:
        The nodes' numbers.
    """
    found: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.index in found:
            continue
        found.add(node.index)
        stack.extend(t.node for t in node.inputs if t.value_index not in known)
        stack.extend(node.control_inputs)
    return found


def prune(graph: Graph) -> Graph:
    """Keep inputs, what outputs depend on, and all effects (a function's graph does everything that its code did)."""
    roots = [t.node for t in graph.outputs]
    roots += [node for node in graph.nodes if node.effects not in _HARMLESS]
    needed = needed_nodes(roots)
    inputs = {t.node.index for t in graph.inputs}
    if len(needed | inputs) == len(graph):
        return graph
    return rewrite(graph, keep=lambda node: node.index in needed or node.index in inputs)
