"""Finds softmax in graphs of small ops: exp(x - max(x)) over its own sum."""

from __future__ import annotations

from penstock import ops
from penstock._native import Node, Tensor
from penstock.passes._groups import Uses
from penstock.passes._patterns import Found, has_kernel, same


def find_softmax(node: Node, _: Uses) -> Found | None:
    """See the four steps of a softmax along one axis, which a division ends."""
    powers, total = node.inputs[0].node, node.inputs[1].node
    if powers.op != "exp" or total.op != "sum" or not same(total.inputs[0], node.inputs[0]):
        return None
    shifted = powers.inputs[0].node
    if shifted.op != "subtract" or shifted.inputs[1].node.op != "max":
        return None
    x, top = shifted.inputs[0], shifted.inputs[1].node
    axis = _only_axis(total)
    if axis is None or axis != _only_axis(top) or not same(top.inputs[0], x):
        return None
    if not has_kernel(node, "softmax", [x], 1):
        return None

    def make(x: Tensor) -> Tensor:
        return ops.softmax(x, axis)

    return Found(node, (powers, total, shifted, top), [x], make)


def _only_axis(reduction: Node) -> int | None:
    axes = reduction.attrs["axis"]
    if not reduction.attrs["keepdims"] or axes is None or len(axes) != 1:
        return None
    return int(axes[0])
