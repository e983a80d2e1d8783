"""Removes work that changes nothing, and makes x² of x ** 2. Only identities that hold for every value, NaN and -0 too."""

from __future__ import annotations

import numpy as np

from penstock import _native, ops
from penstock._native import Graph, Node, Tensor
from penstock.passes._rewrite import rewrite

_NEUTRAL = {
    "multiply": (1, "both"),
    "divide": (1, "right"),
    "subtract": (0, "right"),
    "power": (1, "right"),
}
# What `_simpler` has something to say about.
SIMPLIFIED = {
    *("identity", "stop_gradient", "cast", "slice", "reshape", "broadcast_to", "clip", "power"),
    *("relu_grad", "matmul", "negative", "transpose"),
    *_NEUTRAL,
}


def simplify_algebra(graph: Graph) -> Graph:
    """Drop neutral operands, identities, casts to the same dtype, pairs of movements that cancel or join, transposes before products; square."""
    return rewrite(graph, simplify_node, only=SIMPLIFIED)


def simplify_node(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
    """Do the same to one node, for `rewrite`."""
    if node.effects != "none" or node.control_inputs or not inputs:
        return None
    result = _simpler(node, inputs)
    if result is None:
        return None
    # Broadcasting against the operand that went away, or a promotion, would be lost.
    target = node.outputs[0]
    alike = (result.dtype, result.weak) == (target.dtype, target.weak)
    return [result] if alike and str(result.shape) == str(target.shape) else None


def _simpler(node: Node, inputs: list[Tensor]) -> Tensor | None:
    x = inputs[0]
    if node.op in ("identity", "stop_gradient"):
        return x
    if node.op == "cast" and x.dtype == node.attrs["dtype"]:
        return x
    if node.op == "slice" and set(node.attrs["steps"]) <= {1}:  # all of it, if the shape stays
        return x
    if node.op == "transpose" and list(node.attrs["axes"]) == list(range(x.ndim)):
        return x
    if node.op in ("reshape", "broadcast_to") and str(x.shape) == str(node.outputs[0].shape):
        return x
    if node.op == "clip" and x.dtype == "float32":  # these two can join a chain
        return ops.minimum(ops.maximum(x, inputs[1]), inputs[2])
    if node.op == "power" and x.dtype.kind != "complex" and _is_constant(inputs[1], 2):
        return ops.square(x)
    if node.op in _NEUTRAL:
        return _without_neutral(node.op, inputs)
    if node.op == "relu_grad":
        return _mask_before_unpooling(node, inputs)
    if node.op == "matmul":
        return _absorb_transposes(node, inputs)
    producer = x.node
    if producer.op != node.op:
        return None
    if node.op == "negative":
        return producer.inputs[0]
    if node.op == "reshape":
        return ops.reshape(producer.inputs[0], node.outputs[0].shape)
    if node.op == "transpose":
        return _join_transposes(producer, node)
    return None


def _mask_before_unpooling(node: Node, inputs: list[Tensor]) -> Tensor | None:
    """Mask what flows into a max-pool instead of what flows out of it: a window's maximum has the sign of its result.

    That is a quarter of the work for windows of 2 x 2.
    """
    y, dy = inputs
    unpool = dy.node
    if unpool.op != "max_pool2d_grad" or unpool.inputs[0].value_index != y.value_index:
        return None
    x, pooled, dpooled = unpool.inputs
    (made,) = _native.call_op(unpool.op, [x, pooled, ops.relu_grad(pooled, dpooled)], unpool.attrs)
    return made


def _absorb_transposes(node: Node, inputs: list[Tensor]) -> Tensor | None:
    """Let a product read its matrices as they lie, instead of those that a transpose wrote."""
    attrs, read = dict(node.attrs), list(inputs)
    for i, flag in enumerate(("transpose_x", "transpose_y")):
        if _swaps_last_axes(inputs[i].node):
            read[i], attrs[flag] = inputs[i].node.inputs[0], not attrs[flag]
    if attrs == node.attrs:
        return None
    (made,) = _native.call_op("matmul", read, attrs)
    return made


def _swaps_last_axes(node: Node) -> bool:
    if node.op != "transpose" or len(node.attrs["axes"]) < 2:
        return False
    *leading, before, last = node.attrs["axes"]
    count = len(leading)
    return list(leading) == list(range(count)) and (before, last) == (count + 1, count)


def _without_neutral(op: str, inputs: list[Tensor]) -> Tensor | None:
    value, side = _NEUTRAL[op]
    if _is_constant(inputs[1], value):
        return inputs[0]
    if side == "both" and _is_constant(inputs[0], value):
        return inputs[1]
    return None


def _is_constant(t: Tensor, value: int) -> bool:
    if t.node.op != "constant" or t.size != 1 or t.dtype.kind in ("string", "bool"):
        return False
    known = t.node.attrs["value"].item()
    # x - (-0.0) is not x when x is -0.0
    return bool(known == value) and not (value == 0 and np.signbit(np.real(known)))


def _join_transposes(first: Node, second: Node) -> Tensor:
    axes = [first.attrs["axes"][a] for a in second.attrs["axes"]]
    x = first.inputs[0]
    return x if axes == list(range(len(axes))) else ops.transpose(x, axes)
