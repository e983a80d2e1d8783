"""Finds what has an op of its own in graphs of small ops, as other frameworks write them."""

from __future__ import annotations

from penstock import _native
from penstock._native import Graph, Node, Tensor
from penstock.config import settings
from penstock.passes._patterns import replace_found
from penstock.passes._rewrite import rewrite
from penstock.passes.algebra import SIMPLIFIED, simplify_algebra, simplify_node
from penstock.passes.attend_by_token import ATTENTIONS, has_attention, turn_attention
from penstock.passes.cse import share_common
from penstock.passes.find_attention import find_attention
from penstock.passes.find_gelu import find_gelu
from penstock.passes.find_norms import find_normalised, find_scaled_first
from penstock.passes.find_softmax import find_softmax
from penstock.passes.fold import fold_constants
from penstock.passes.prune import prune

_FINDERS = {
    "matmul": (find_attention,),
    "add": (find_scaled_first,),
    "divide": (find_normalised, find_gelu),
    "multiply": (find_normalised, find_gelu),
}


def recognise(graph: Graph) -> Graph:
    """Replace softmax, attention, layer norm, RMS norm and GELU that are written as small ops by the ops.

    Attention then reads what layers make as it lies. Results change by rounding; beyond the finite numbers they may
    change more: a query whose keys are all hidden by -inf gets zeros in place of NaN, a hidden key that holds NaN or an
    infinity is not hidden, and GELU of -inf is 0. Nothing is replaced while `debug_nans` looks at every op, or with
    PENSTOCK_FUSION=off.
    """
    if settings().fusion == "off" or _native.get_debug_nans():
        return graph
    result = replace_found(graph, {"divide": (find_softmax,)})
    if result is not graph:
        result = prune(result)  # attention is found by its softmax, which nobody else may look into
    result = replace_found(result, _FINDERS)
    if result is graph and not has_attention(graph):
        return graph
    result = prune(rewrite(result, _turned_or_simpler, only={*SIMPLIFIED, *ATTENTIONS}))
    # A gradient may have called the op already for what was found now.
    return share_common(fold_constants(result))


def _turned_or_simpler(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
    change = turn_attention if node.op in ATTENTIONS else simplify_node
    return change(node, inputs)


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
