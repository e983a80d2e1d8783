"""What the gradients of the scatters share: who stays when several write to one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from penstock import ops

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.ops._declare import Node


def numbered(shape: Sequence[Any]) -> Tensor:
    """Number the elements of a shape in row-major order, from 0; sizes may be symbols."""
    n: Any = 1
    for size in shape:
        n = n * size
    return ops.reshape(ops.cumsum(ops.full((n,), 1, "int64"), exclusive=True), shape)


def first_counted(size: Any, ndim: int, axis: int) -> Tensor:
    """Count 0, 1, ... along one axis; the others have size 1."""
    return ops.reshape(numbered((size,)), [size if a == axis else 1 for a in range(ndim)])


def shares(
    node: Node,
    dy: Tensor,
    read: Callable[[Tensor], Tensor],
    add: Callable[[Tensor, Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Divide the gradient of a maximum or minimum among those that reach it.

    Args:
        node: The call; its inputs are x, indices and what is written.
        dy: The gradient of the result.
        read: Reads a tensor of x's shape at the indices.
        add: Adds what was read back up.

    Returns:
        The gradient of x, and of what is written, there before broadcasting is undone.
    """
    x, _, values = node.inputs
    y = node.outputs[0]
    kept, reached = x == y, values == read(y)
    number = add(ops.cast(kept, dy.dtype), ops.cast(reached, dy.dtype))
    share = dy / number
    return ops.where(kept, share, 0.0), ops.where(reached, read(share), 0.0)
