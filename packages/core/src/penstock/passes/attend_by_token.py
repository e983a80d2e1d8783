"""Lets attention read queries, keys and values as layers make them, [..., tokens, heads, depth], without transposing copies."""

from __future__ import annotations

from penstock import _native
from penstock._native import Graph, Node, Tensor

# Which inputs have tokens and heads, and which outputs.
ATTENTIONS = {
    "attention": ((0, 1, 2), (0,)),
    "attention_biased": ((0, 1, 2), (0,)),
    "attention_grad": ((0, 1, 2, 3, 5), (0, 1, 2)),
    "attention_biased_grad": ((0, 1, 2, 4, 6), (0, 1, 2)),
}
_COPIED = (0, 1, 2)  # query, key and value


def has_attention(graph: Graph) -> bool:
    """Whether there is attention at all."""
    return any(node.op in ATTENTIONS for node in graph.nodes)


def turn_attention(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
    """Turn attention round whose inputs are transposes, for `rewrite`; pairs of transposes are left to be cancelled."""
    if node.attrs["by_token"] or node.control_inputs:
        return None
    if not all(_swaps_heads(inputs[i].node) for i in _COPIED):
        return None
    turned_inputs, turned_outputs = ATTENTIONS[node.op]
    given = [_swapped(t) if i in turned_inputs else t for i, t in enumerate(inputs)]
    made = _native.call_op(node.op, given, {**node.attrs, "by_token": True})
    return [_swapped(t) if i in turned_outputs else t for i, t in enumerate(made)]


def _order(rank: int) -> list[int]:
    """Return the order of axes that has heads and tokens swapped."""
    return [*range(rank - 3), rank - 2, rank - 3, rank - 1]


def _swaps_heads(node: Node) -> bool:
    if node.op != "transpose":
        return False
    axes = list(node.attrs["axes"])
    return len(axes) > 2 and axes == _order(len(axes))


def _swapped(t: Tensor) -> Tensor:
    if _swaps_heads(t.node):
        return t.node.inputs[0]
    (made,) = _native.call_op("transpose", [t], {"axes": _order(t.ndim)})
    return made
