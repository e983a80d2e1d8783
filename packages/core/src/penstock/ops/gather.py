"""Elements read at positions that are data: along one axis, and at coordinates."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch_indexing, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import INTEGERS, NUMERIC, array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="take_along_axis")
def take_along_axis(x: TensorLike, indices: TensorLike, axis: int = -1) -> Tensor:
    """Pick elements along an axis, at every place of the other axes its own: y[a, i] = x[a, indices[a, i]].

    What `argsort` and `top_k` return are such indices.

    Args:
        x: [...], any dtype.
        indices: As many axes as x, any integer dtype; negative ones count from the end. Apart from `axis` the
            sizes of x and `indices` broadcast.
        axis: The axis to pick along.

    Returns:
        The broadcast shape, along `axis` with the size of `indices`, of x's dtype.

    Raises:
        IndexError: x has no such axis, or an index is out of range.
        ValueError: x and `indices` differ in the number of axes, or do not broadcast.
        TypeError: The indices are not integers.

    Example:
        >>> penstock.take_along_axis([[10, 20, 30], [40, 50, 60]], [[2], [0]], axis=1)
        Tensor([[30],
                [40]], shape=(2, 1), dtype=int64)
    """


take_along_axis.jvp(_tangents.linear)


take_along_axis.batch(_batch_indexing.along_axis)


@take_along_axis.reference
def _(x: Any, indices: Any, axis: int) -> Any:
    return np.take_along_axis(x, indices, axis)


@take_along_axis.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, indices = node.inputs
    axis = node.attrs["axis"]
    shape = [*dy.shape[:axis], x.shape[axis], *dy.shape[axis + 1 :]]
    zeros = ops.full(shape, 0, dy.dtype)
    return sum_to(ops.put_along_axis(zeros, indices, dy, axis, mode="add"), x), None


@take_along_axis.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        picked = rng.integers(-4, 4, (4, 3))
        yield Sample((array(rng, (4, 3), dtype), picked, 0), label=dtype)
    for dtype in INTEGERS:
        yield Sample(
            (array(rng, (2, 3)), np.array([[1, 0], [2, 2]], dtype)), label=f"index {dtype}"
        )
    yield Sample((array(rng, (2, 1, 3)), rng.integers(0, 3, (1, 4, 2))), label="broadcast")
    yield Sample((array(rng, (2, 3, 4)), rng.integers(0, 3, (2, 5, 4)), 1), label="middle axis")
    yield Sample((array(rng, (4, 3)), np.zeros((4, 0), "int64")), label="empty")
    yield Sample((array(rng, (0, 3)), np.zeros((0, 2), "int64")), label="no rows")
    yield Sample((array(rng, (3, 4)).T, rng.integers(0, 3, (4, 1))), label="strided")
    large = array(rng, (37, 4099), "float32"), rng.integers(0, 4099, (37, 2000))
    yield Sample(large, label="large")


@take_along_axis.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), np.array([[3]])), error=IndexError, match=r"\b3\b")
    yield Reject((np.ones((2, 3)), np.array([0])), match="as many axes as x.*insert axes of size 1")
    yield Reject((np.ones((2, 3)), np.zeros((4, 1), int)), match="do not broadcast")
    yield Reject((np.ones(3), np.array([0]), 1), error=IndexError, match="use -1 to 0")
    yield Reject((np.ones(3), np.ones(1)), error=TypeError, match="int32 or int64.*astype")


@op(infer="gather_nd")
def gather_nd(x: TensorLike, indices: TensorLike) -> Tensor:
    """Read at coordinates: y[..., a] = x[indices[..., 0], indices[..., 1], ..., a].

    Args:
        x: [...], any dtype.
        indices: [..., k], any integer dtype: in the last axis a position for each of the first k axes of x;
            negative ones count from the end.

    Returns:
        The shape of `indices` without its last axis, then the axes of x after the k-th, of x's dtype.

    Raises:
        IndexError: A position is out of range.
        ValueError: k exceeds the number of x's axes.
        TypeError: The indices are not integers.

    Example:
        >>> penstock.gather_nd([[1, 2], [3, 4]], [[0, 1], [1, 0]])
        Tensor([2, 3], shape=(2,), dtype=int64)
        >>> penstock.gather_nd([[1, 2], [3, 4]], [[1]])
        Tensor([[3, 4]], shape=(1, 2), dtype=int64)
    """


gather_nd.jvp(_tangents.linear)


gather_nd.batch(_batch_indexing.gathered)


@gather_nd.reference
def _(x: Any, indices: Any) -> Any:
    return np.array(x[coordinates(indices)]) if indices.shape[-1] else _repeated(x, indices)


def coordinates(indices: Any) -> tuple[Any, ...]:
    """Split [..., k] into k index arrays, as NumPy subscripts want them."""
    return tuple(np.moveaxis(indices, -1, 0))


def _repeated(x: Any, indices: Any) -> Any:
    # No coordinates select all of x.
    return np.broadcast_to(x, (*indices.shape[:-1], *x.shape))


@gather_nd.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, indices = node.inputs
    return ops.scatter_nd_add(ops.full(x.shape, 0, dy.dtype), indices, dy), None


@gather_nd.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    places = np.array([[3, 0], [0, -2], [3, 0]])
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (4, 3), dtype), places), label=dtype)
    for dtype in INTEGERS:
        yield Sample((array(rng, (4, 3)), np.array([[1], [0]], dtype)), label=f"index {dtype}")
    yield Sample((array(rng, (4, 3, 2)), places.reshape(1, 3, 2)), label="slices")
    yield Sample((array(rng, (4, 3)), np.array([1, 2])), label="one element")
    yield Sample((array(rng, (4, 3)), np.zeros((2, 0), "int64")), label="no coordinates")
    yield Sample((array(rng, ()), np.zeros((2, 0), "int64")), label="0-d")
    yield Sample((array(rng, (4, 3)), np.zeros((0, 2), "int64")), label="empty")
    yield Sample((array(rng, (3, 4)).T, places), label="strided")


@gather_nd.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), np.array([[0, 3]])), error=IndexError, match=r"\b3\b.*axis.* 1 ")
    yield Reject((np.ones(3), np.array([[0, 0]])), match="at most 1; reshape indices")
    yield Reject((np.ones(3), np.array(0)), match=r"expected \[\.\.\., k\].*reshape it")
    yield Reject((np.ones(3), np.ones((1, 1))), error=TypeError, match="int32 or int64.*astype")
