"""Functions that make sparse tensors, join them, and take their softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import InvalidTypeError, ShapeError
from penstock.sparse.tensors import CooTensor, Sparse, axis_of, matmul

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

__all__ = ["concat", "eye", "from_dense", "matmul", "softmax"]


def from_dense(x: TensorLike, *, size: int | None = None) -> CooTensor:
    """Keep the elements of a tensor that are not zero.

    Args:
        x: [...], any numeric dtype.
        size: How many places to keep, for graphs, where it cannot depend on data; missing ones store 0 at the origin.
            A graph is then made for this one shape.

    Returns:
        A sparse tensor of x's shape, its places in order.

    Raises:
        GraphError: x is computed in a graph, and `size` is not given.

    >>> import penstock as ps
    >>> a = ps.sparse.from_dense([[0.0, 5.0], [0.0, 0.0]])
    >>> a.values, a.indices.tolist()
    (Tensor([5.], shape=(1,), dtype=float32), [[0, 1]])
    """
    x = ops.asarray(x)
    found = ops.argwhere(x, size=size)
    values = ops.gather_nd(x, found)
    if size is not None:
        known = ops.minimum(ops.sum(ops.cast(x != 0, "int64")), size)
        stored = ops.arange(size, dtype="int64") < known
        values = ops.where(stored, values, ops.zeros_like(values))
    return CooTensor.__penstock_whole__(values, found, tuple(int(n) for n in x.shape))


def eye(n: int, dtype: Any = "float32") -> CooTensor:
    """Make the identity matrix.

    Args:
        n: Its size.
        dtype: The dtype of its ones.

    Returns:
        [n, n], with n stored elements.

    Raises:
        ValueError: n is negative.

    >>> import penstock as ps
    >>> ps.sparse.eye(2).to_dense()
    Tensor([[1., 0.],
            [0., 1.]], shape=(2, 2), dtype=float32)
    """
    places = ops.arange(n, dtype="int64")
    return CooTensor(ops.ones((n,), dtype), ops.stack([places, places], 1), (n, n))


def softmax(a: Any) -> Any:
    """Take the softmax of each row over the elements that are stored; what is not stored stays 0.

    Args:
        a: [..., columns], sparse, of a float dtype; each place stored once.

    Returns:
        The same kind of tensor, at the same places.

    Raises:
        InvalidTypeError: a is not sparse.

    >>> import penstock as ps
    >>> a = ps.sparse.CooTensor([0.0, 0.0, 9.0], [[0, 0], [0, 2], [1, 1]], (2, 3))
    >>> ps.sparse.softmax(a).to_dense()
    Tensor([[0.5, 0. , 0.5],
            [0. , 1. , 0. ]], shape=(2, 3), dtype=float32)
    """
    if not isinstance(a, Sparse):
        raise InvalidTypeError(
            f"[sparse.softmax] got {type(a).__name__}; expected a sparse tensor; for a dense one use penstock.softmax"
        )
    coo = a.to_coo()
    row, rows = _row_numbers(coo)
    largest = ops.stop_gradient(ops.segment_max(a.values, row, rows))
    shifted = ops.exp(a.values - ops.take(largest, row))
    total = ops.segment_sum(shifted, row, rows)
    return a.with_values(shifted / ops.take(total, row))


def _row_numbers(a: CooTensor) -> tuple[Tensor, int]:
    """The number of each stored element's row, over all axes but the last, and how many rows there are."""
    lead = a.shape[:-1]
    steps = [math.prod(lead[i + 1 :]) for i in range(len(lead))]
    row = ops.sum(ops.cast(a.indices[:, : len(lead)], "int64") * np.array(steps, np.int64), 1)
    return row, math.prod(lead)


def concat(parts: Sequence[Any], axis: int = 0) -> CooTensor:
    """Join sparse tensors along an axis.

    Args:
        parts: Sparse tensors; equal sizes except along `axis`.
        axis: The axis to join along.

    Returns:
        One sparse tensor.

    Raises:
        ShapeError: There are none, or their shapes do not fit.
        AxisError: The axis is out of range.

    >>> import penstock as ps
    >>> ps.sparse.concat([ps.sparse.eye(1), ps.sparse.eye(1) * 2], axis=1).to_dense()
    Tensor([[1., 2.]], shape=(1, 2), dtype=float32)
    """
    if not parts:
        raise ShapeError("[sparse.concat] got no tensors; give at least one")
    coos = [part.to_coo() for part in parts]
    axis = axis_of(axis, coos[0].ndim, "concat")
    shape, moved = list(coos[0].shape), []
    shape[axis] = 0
    for coo in coos:
        rest = [n for i, n in enumerate(coo.shape) if i != axis]
        if rest != [n for i, n in enumerate(shape) if i != axis]:
            raise ShapeError(
                f"[sparse.concat] got shapes {coos[0].shape} and {coo.shape}; all sizes but that of axis {axis} must "
                "be equal"
            )
        step = np.array([shape[axis] if i == axis else 0 for i in range(coo.ndim)], np.int64)
        moved.append(ops.cast(coo.indices, "int64") + step)
        shape[axis] += coo.shape[axis]
    values = ops.concat([coo.values for coo in coos])
    return CooTensor.__penstock_whole__(values, ops.concat(moved), tuple(shape))
