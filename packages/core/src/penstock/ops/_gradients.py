"""What gradient rules share. Everything here is made of ops, so gradients can be differentiated again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock import ops

if TYPE_CHECKING:
    from penstock._native import Dim, Tensor
    from penstock.ops._declare import Gradients, Node


def sum_to(grad: Tensor, like: Tensor) -> Tensor:
    """Sum a gradient over the axes along which `like` was broadcast: the transpose of broadcasting."""
    lead = grad.ndim - like.ndim
    pairs = zip(like.shape, grad.shape[lead:], strict=True)
    inner = [lead + i for i, (size, of) in enumerate(pairs) if _stretched(size, of)]
    if not lead and not inner:
        return grad
    axes = (*range(lead), *inner)
    if not lead:
        return ops.sum(grad, axes, keepdims=True)
    summed = ops.sum(grad, axes)
    return ops.reshape(summed, like.shape) if inner else summed


def _stretched(size: int | Dim, of: int | Dim) -> bool:
    # A known size needs no question about the symbolic one; broadcasting has asked all others already.
    if isinstance(size, int):
        return size == 1 and not (isinstance(of, int) and of == 1)
    return bool(size != of)


def like_input(reduced: Tensor, node: Node) -> Tensor:
    """Give a reduction's result or gradient its reduced axes back, with size 1, to broadcast over the input."""
    (x,) = node.inputs
    axis = node.attrs["axis"]
    if node.attrs["keepdims"] or not x.ndim:
        return reduced
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return ops.reshape(reduced, [1 if i in axes else d for i, d in enumerate(x.shape)])


def count(sizes: Sequence[int | Dim], dtype: Any) -> float | Tensor:
    """Multiply sizes: a number, or with symbolic ones among them a 0-d tensor of `dtype`."""
    if all(isinstance(size, int) for size in sizes):
        return float(math.prod(int(size) for size in sizes))
    return ops.size_of(sizes, dtype)


def no_flow(node: Node, *grads: Tensor | None) -> Gradients:
    """Be the gradient of a function that is constant almost everywhere."""
    return (None,) * len(node.inputs)


WHOLE = "its result is a whole number, which changes in steps"
BOOLEAN = "its result is boolean"
INDICES = "its result is an index, which changes in steps"
NO_INPUTS = "it has no tensors as inputs"
