"""Finds layer norm and RMS norm in graphs of small ops.

The spellings: (x - mean) over the root of the mean square of that, as PyTorch exports it; and x · s + (offset - mean · s)
with s = scale / root, as TensorFlow's layers compute it. Scale and offset may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock import ops
from penstock._dataclass import dataclass
from penstock._native import Node, Tensor
from penstock.passes._groups import Uses, trailing_axes
from penstock.passes._patterns import (
    Found,
    has_kernel,
    number,
    other_operand,
    same,
)


@dataclass(frozen=True)
class _Root:
    """√(variance + ε), or one over it: of which values, over how many axes."""

    centred: Tensor | None  # what is squared; None where x and its mean go in one by one
    x: Tensor
    mean: Tensor | None
    axes: int
    epsilon: float
    inside: tuple[Node, ...]


def _root_of(t: Tensor) -> _Root | None:
    """Read what stands under a root."""
    shifted = t.node
    if shifted.op != "add":
        return None
    parts = other_operand(shifted, lambda s: number(s) is not None)
    if parts is None:
        return None
    epsilon, variance = number(parts[0]), parts[1].node
    axes = _kept_axes(variance)
    if epsilon is None or axes is None:
        return None
    squares = variance.inputs[0].node
    inside = (shifted, variance, squares)
    if squares.op == "squared_difference":
        pair = other_operand(squares, lambda s: _kept_axes(s.node) == axes)
        if pair is None or not same(pair[0].node.inputs[0], pair[1]):
            return None
        return _Root(None, pair[1], pair[0], axes, epsilon, (*inside, pair[0].node))
    squared = squares.op == "square" or (
        squares.op == "multiply" and same(squares.inputs[0], squares.inputs[1])
    )
    if not squared:
        return None
    centred = squares.inputs[0]
    difference = centred.node
    if difference.op == "subtract":
        x, mean = difference.inputs
        if _kept_axes(mean.node) == axes and same(mean.node.inputs[0], x):
            return _Root(centred, x, mean, axes, epsilon, (*inside, difference, mean.node))
    return _Root(centred, centred, None, axes, epsilon, inside)


def _kept_axes(node: Node) -> int | None:
    if node.op != "mean" or not node.attrs["keepdims"]:
        return None
    return trailing_axes(node) or None


def find_normalised(node: Node, uses: Uses) -> Found | None:
    """See x̂ made by a division or product, and what scales and moves it behind."""
    found = _divided(node) if node.op == "divide" else _multiplied(node)
    if found is None:
        return None
    root, steps = found
    inside, last = [*root.inside, *steps], node
    row = uses.shape(root.x)[root.x.ndim - root.axes :]
    scale, offset = None, None
    step = _next(last, "multiply", row, uses)
    if step is not None:
        inside.append(last)
        last, scale = step
    step = _next(last, "add", row, uses) if root.mean is not None else None
    if step is not None:
        inside.append(last)
        last, offset = step
    return _norm(last, inside, root, scale, offset)


def _divided(node: Node) -> tuple[_Root, list[Node]] | None:
    x, deviation = node.inputs
    if deviation.node.op != "sqrt":
        return None
    root = _root_of(deviation.node.inputs[0])
    if root is None or root.centred is None or not same(root.centred, x):
        return None
    return root, [deviation.node]


def _multiplied(node: Node) -> tuple[_Root, list[Node]] | None:
    pair = other_operand(node, lambda t: _inverse(t) is not None)
    if pair is None:
        return None
    found = _inverse(pair[0])
    if found is None or found[0].centred is None or not same(found[0].centred, pair[1]):
        return None
    return found


def _inverse(t: Tensor) -> tuple[_Root, list[Node]] | None:
    """Read 1 / √(variance + ε) in any of its three spellings."""
    node = t.node
    if node.op == "rsqrt":
        root = _root_of(node.inputs[0])
        return None if root is None else (root, [node])
    over_one = node.op == "divide" and number(node.inputs[0]) == 1.0
    if node.op != "reciprocal" and not over_one:
        return None
    deviation = node.inputs[-1].node
    root = _root_of(deviation.inputs[0]) if deviation.op == "sqrt" else None
    return None if root is None else (root, [node, deviation])


def _next(node: Node, op: str, row: tuple[str, ...], uses: Uses) -> tuple[Node, Tensor] | None:
    """Return the only user of a node's result, if it is an `op` with one number for each place of a row."""
    result = node.outputs[0]
    users = uses.nodes(result)
    if len(users) != 1 or users[0].op != op or uses.outside(result, {users[0].index}):
        return None
    pair = other_operand(users[0], lambda t: same(t, result))
    if pair is None or same(*pair) or not _is_row(pair[1], row, uses):
        return None
    return users[0], pair[1]


def _is_row(t: Tensor, row: tuple[str, ...], uses: Uses) -> bool:
    shape = uses.shape(t)
    leading = len(shape) - len(row)
    return leading >= 0 and shape == ("1",) * leading + row


def _norm(
    last: Node, inside: list[Node], root: _Root, scale: Tensor | None, offset: Tensor | None
) -> Found | None:
    x, rank = root.x, root.axes
    rows = [t for t in (scale, offset) if t is not None]
    if any(t.dtype != x.dtype for t in rows):
        return None
    centred = root.mean is not None
    op, count = ("layer_norm", 3) if centred else ("rms_norm", 2)
    if not has_kernel(last, op, [x] * count, count):
        return None
    epsilon = root.epsilon

    def make(x: Tensor, *given: Tensor) -> Tensor:
        found, row = iter(given), list(x.shape)[x.ndim - rank :]
        factor = _row_of(1, row, x) if scale is None else ops.reshape(next(found), row)
        if not centred:
            return ops.rms_norm(x, factor, epsilon)
        added = _row_of(0, row, x) if offset is None else ops.reshape(next(found), row)
        return ops.layer_norm(x, factor, added, epsilon)

    return Found(last, [n for n in inside if n.index != last.index], [x, *rows], make)


def _row_of(value: int, row: Sequence[Any], like: Tensor) -> Tensor:
    if all(isinstance(size, int) for size in row):
        return ops.asarray(np.full(row, value, np.float32), like.dtype)
    return ops.full(row, value, like.dtype)


def find_scaled_first(node: Node, uses: Uses) -> Found | None:
    """See x · s + (offset - mean · s), with s = scale · 1 / √(variance + ε)."""
    for product, rest in (node.inputs, tuple(reversed(node.inputs))):
        if product.node.op != "multiply" or rest.node.op != "subtract":
            continue
        offset, shift = rest.node.inputs
        if shift.node.op != "multiply":
            continue
        for x, s in (product.node.inputs, tuple(reversed(product.node.inputs))):
            pair = other_operand(shift.node, lambda t, s=s: same(t, s))  # type: ignore[misc]
            found = _scaled_inverse(s)
            if pair is None or found is None:
                continue
            (root, steps), scale = found
            row = uses.shape(root.x)[root.x.ndim - root.axes :]
            known = root.mean is not None and same(root.mean, pair[1]) and same(root.x, x)
            if not known or not _is_row(scale, row, uses) or not _is_row(offset, row, uses):
                continue
            inside = [*root.inside, *steps, s.node, product.node, rest.node, shift.node]
            return _norm(node, inside, root, scale, offset)
    return None


def _scaled_inverse(t: Tensor) -> tuple[tuple[_Root, list[Node]], Tensor] | None:
    if t.node.op != "multiply":
        return None
    pair = other_operand(t.node, lambda s: _inverse(s) is not None)
    if pair is None:
        return None
    found = _inverse(pair[0])
    return None if found is None else (found, pair[1])
