"""Finds what has an op of its own in graphs of small ops, as other frameworks write them."""

from __future__ import annotations

from penstock import _native
from penstock._native import Graph
from penstock.config import settings
from penstock.passes.algebra import simplify_algebra
from penstock.passes.attend_by_token import attend_by_token
from penstock.passes.cse import share_common
from penstock.passes.find_attention import find_attention
from penstock.passes.find_gelu import find_gelu
from penstock.passes.find_norms import find_norms
from penstock.passes.find_softmax import find_softmax
from penstock.passes.prune import prune

# Attention is found by its softmax.
_FINDERS = (find_softmax, find_attention, attend_by_token, find_norms, find_gelu)


def recognise(graph: Graph) -> Graph:
    """Replace softmax, attention, layer norm, RMS norm and GELU that are written as small ops by the ops.

    Results change by rounding. Nothing is replaced while `debug_nans` looks at every op, or with PENSTOCK_FUSION=off.
    """
    if settings().fusion == "off" or _native.get_debug_nans():
        return graph
    result = graph
    for find in _FINDERS:
        result = find(result)
    if result is graph:
        return graph
    return prune(simplify_algebra(result))


# What a simplification may drop, or spell so that its gradient is another one where two values are equal.
_GRADIENTS = frozenset(["stop_gradient", "custom_gradient", "clip"])


def recognise_for_gradients(graph: Graph) -> Graph:
    """Do the same to a graph that is going to be differentiated.

    Args:
        graph: What to look through; it stays as it is.

    Returns:
        A graph with the same values and gradients; the same one if nothing was found, or if simplifying it might change
        a gradient.
    """
    if any(node.op in _GRADIENTS for node in graph.nodes):
        return graph
    simple = prune(share_common(simplify_algebra(graph)))
    result = recognise(simple)
    return graph if result is simple else result
