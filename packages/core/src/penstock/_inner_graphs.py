"""What nodes with graphs inside do: control flow counts as what its bodies do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock._native import Graph, Tensor


def assigned_by(node: Any) -> set[Any]:
    """Every variable that a node, or a body inside it, assigns."""
    if node.op == "assign_variable":
        return {node.attrs["variable"]}
    return {v for body in inner_graphs(node) for inner in body.nodes for v in assigned_by(inner)}


def inner_graphs(node: Any) -> Iterable[Graph]:
    """Return the graphs among a node's attributes."""
    if node.op not in ("call", "cond", "while", "scan"):
        return []
    return [value for value in node.attrs.values() if isinstance(value, Graph)]


def is_history(t: Tensor) -> bool:
    """Whether a tensor has a row for each iteration of a `while`: a loop made it, of as many rows."""
    if not t.is_symbolic or t.node.op != "scan" or t.ndim == 0:
        return False
    # By their texts: to compare sizes is to assume something about them.
    rows = str(t.shape[0])
    graph = t.graph
    return graph is not None and any(
        node.op == "while" and str(node.attrs["steps"][0]) == rows for node in graph.nodes
    )
