"""A graph's ops called again on other inputs, with the sizes of these in place of its symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock import _native
from penstock._graph_json import evaluate_size
from penstock._native import Dim, Graph, Tensor
from penstock._replay import replay


def call_again(graph: Graph, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Call the ops of a graph on other inputs, at once or in the graph that is being built.

    Args:
        graph: The graph.
        inputs: A tensor for each of its inputs.

    Returns:
        A tensor for each of its outputs.
    """
    sizes = sizes_of(graph, inputs)

    def call(node: Any, given: list[Tensor], attrs: dict[str, Any]) -> Sequence[Tensor]:
        return _native.call_op(node.op, given, with_sizes(attrs, sizes))

    return replay(graph, inputs, call)


def sizes_of(graph: Graph, inputs: Sequence[Tensor]) -> dict[str, int | Dim]:
    """Find the size that each symbol of a graph has for these inputs."""
    sizes: dict[str, int | Dim] = {}
    for formal, t in zip(graph.inputs, inputs, strict=True):
        for symbol, size in zip(formal.shape, t.shape, strict=True):
            if isinstance(symbol, Dim):
                sizes.setdefault(str(symbol), size)
    return sizes


def with_sizes(attrs: Mapping[str, Any], sizes: Mapping[str, int | Dim]) -> dict[str, Any]:
    """Replace the symbols in attributes by sizes."""
    return {
        name: [_size(item, sizes) for item in value] if isinstance(value, tuple | list) else value
        for name, value in attrs.items()
    }


def _size(item: Any, sizes: Mapping[str, int | Dim]) -> Any:
    return evaluate_size(str(item), sizes) if isinstance(item, Dim) else item
