"""Lets batch_norm apply the relu or relu6 behind it, and its gradient the mask: two passes over memory less, and three.

Where only its activation takes a normalised tensor, that tensor is never written, and the gradient finds out again which
elements were cut.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from penstock import _native
from penstock._native import Graph, Node, Tensor
from penstock.config import settings
from penstock.passes._rewrite import rewrite
from penstock.passes.prune import prune

_CEILINGS = {"relu": None, "relu6": 6.0}
_BENT = "core.batch_norm_relu"


def bend_norms(graph: Graph) -> Graph:
    """Merge batch_norm with relu or relu6, and relu_grad or relu6's mask with batch_norm_grad.

    Nothing is merged while `debug_nans` looks at every op, or with PENSTOCK_FUSION=off.
    """
    if settings().fusion == "off" or _native.get_debug_nans():
        return graph
    uses = Counter(t.value_index for node in graph.nodes for t in node.inputs)
    uses.update(t.value_index for t in graph.outputs)
    users = {t.value_index: node for node in graph.nodes for t in node.inputs}
    bent: dict[int, Node] = {}  # activations that go, by number
    for node in graph.nodes:
        if node.op == "batch_norm" and (activation := _only_activation(node, uses, users)):
            bent[activation.index] = node
    if not bent:
        return graph
    taken_in = {n.index: users[n.outputs[0].value_index] for n in bent.values()}
    return prune(rewrite(graph, _Bending(uses, taken_in)))


def _only_activation(node: Node, uses: Counter[int], users: dict[int, Node]) -> Node | None:
    y = node.outputs[0]
    activation = users.get(y.value_index)
    if uses[y.value_index] != 1 or activation is None or activation.op not in _CEILINGS:
        return None
    if activation.device != node.device or activation.control_inputs:
        return None
    dtypes = [t.dtype for t in node.inputs], [t.dtype for t in node.outputs]
    row, own = _native.kernel_row(_BENT, node.device, *dtypes), _native.kernel_for_node(node)
    return activation if row is not None and own is not None and row[0] == own[0] else None


class _Bending:
    """Says what becomes of a node; `activation_of` has the activation of each norm that takes it in, by number."""

    def __init__(self, uses: Counter[int], activation_of: dict[int, Node]) -> None:
        self._uses = uses
        self._activation_of = activation_of
        self._gone = {node.index for node in activation_of.values()}

    def __call__(self, node: Node, inputs: list[Tensor]) -> Any:
        if node.index in self._activation_of:
            ceiling = _CEILINGS[self._activation_of[node.index].op]
            attrs = {"epsilon": node.attrs["epsilon"], "ceiling": ceiling}
            return _native.call_op(_BENT, inputs, attrs)
        if node.index in self._gone:
            return inputs
        if node.op == "batch_norm_grad" and self._uses[node.inputs[4].value_index] == 1:
            return _with_mask(node, inputs)
        return None


def _with_mask(node: Node, inputs: list[Tensor]) -> Any:
    """Give batch_norm_grad what flows into the mask of a bent norm of the same tensors."""
    x, scale, mean, variance, dy = inputs
    norm = mean.node
    if norm.op != _BENT or _names(norm.inputs[:2]) != _names([x, scale]):
        return None
    z, *moments = norm.outputs
    if _names(moments) != _names([mean, variance]):
        return None
    dz = _behind_mask(dy.node, z, norm.attrs["ceiling"])
    if dz is None or node.attrs["epsilon"] != norm.attrs["epsilon"]:
        return None
    attrs = {"epsilon": node.attrs["epsilon"], "ceiling": norm.attrs["ceiling"]}
    return _native.call_op(f"{_BENT}_grad", [x, scale, mean, variance, dz, norm.inputs[2]], attrs)


def _names(tensors: list[Tensor]) -> list[int]:
    return [t.value_index for t in tensors]


def _behind_mask(node: Node, z: Tensor, ceiling: float | None) -> Tensor | None:
    """Return dz where a node is z's mask applied to dz: relu_grad, or where(z > 0 and z < ceiling, dz, 0)."""
    if ceiling is None:
        masks = node.op == "relu_grad" and node.inputs[0].value_index == z.value_index
        return node.inputs[1] if masks else None
    if node.op != "where" or not _is_number(node.inputs[2], 0.0):
        return None
    both = node.inputs[0].node
    if both.op != "logical_and":
        return None
    above, below = (t.node for t in both.inputs)
    bounds = (above, "greater", 0.0), (below, "less", ceiling)
    return node.inputs[1] if all(_compares(n, op, z, bound) for n, op, bound in bounds) else None


def _compares(node: Node, op: str, z: Tensor, bound: float) -> bool:
    return (
        node.op == op
        and node.inputs[0].value_index == z.value_index
        and _is_number(node.inputs[1], bound)
    )


def _is_number(t: Tensor, value: float) -> bool:
    return t.node.op == "constant" and t.size == 1 and bool(t.node.attrs["value"].item() == value)
