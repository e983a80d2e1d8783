"""Elements written at coordinates that are data: the counterparts of `gather_nd`."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch_indexing, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import NUMERIC, REALS, array
from penstock.ops._scatter_gradients import numbered, shares
from penstock.ops.conversion import asarray
from penstock.ops.gather import coordinates
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import ShapeLike, TensorLike


@op(infer="scatter_nd:any")
def scatter_nd_update(x: TensorLike, indices: TensorLike, updates: TensorLike) -> Tensor:
    """Replace at coordinates; of several updates for one place the last one stays.

    Args:
        x: [...], any dtype.
        indices: [..., k], any integer dtype: in the last axis a position for each of the first k axes of x;
            negative ones count from the end.
        updates: The shape of `indices` without its last axis, then the axes of x after the k-th; of x's dtype or
            a smaller kind.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: A position is out of range.
        ValueError: k exceeds the number of x's axes, or `updates` has another shape.
        TypeError: The indices are not integers, or the updates do not fit into x's dtype.

    Example:
        >>> penstock.scatter_nd_update([[1, 2], [3, 4]], [[0, 1], [1, 0]], [-2, -3])
        Tensor([[ 1, -2],
                [-3,  4]], shape=(2, 2), dtype=int64)
    """


scatter_nd_update.batch(_batch_indexing.scattered_at_coordinates)


@op(infer="scatter_nd:numeric")
def scatter_nd_add(x: TensorLike, indices: TensorLike, updates: TensorLike) -> Tensor:
    """Add at coordinates; several updates for one place add up. The transpose of `gather_nd`.

    Args:
        x: [...], any numeric dtype.
        indices: [..., k], any integer dtype: in the last axis a position for each of the first k axes of x;
            negative ones count from the end.
        updates: The shape of `indices` without its last axis, then the axes of x after the k-th; of x's dtype or
            a smaller kind.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: A position is out of range.
        ValueError: k exceeds the number of x's axes, or `updates` has another shape.
        TypeError: The indices are not integers, or x is boolean or a string tensor.

    Example:
        >>> penstock.scatter_nd_add([[1, 2], [3, 4]], [[0, 1], [0, 1]], [10, 100])
        Tensor([[  1, 112],
                [  3,   4]], shape=(2, 2), dtype=int64)
    """


scatter_nd_add.jvp(_tangents.linear)


scatter_nd_add.batch(_batch_indexing.scattered_at_coordinates)


@op(infer="scatter_nd:real")
def scatter_nd_max(x: TensorLike, indices: TensorLike, updates: TensorLike) -> Tensor:
    """Take the maximum at coordinates; NaN wins. Ties share the gradient equally.

    Args:
        x: [...], any real dtype.
        indices: [..., k], any integer dtype: in the last axis a position for each of the first k axes of x;
            negative ones count from the end.
        updates: The shape of `indices` without its last axis, then the axes of x after the k-th; of x's dtype or
            a smaller kind.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: A position is out of range.
        ValueError: k exceeds the number of x's axes, or `updates` has another shape.
        TypeError: The indices are not integers, or x is boolean, complex or a string tensor.

    Example:
        >>> penstock.scatter_nd_max([[1, 2], [3, 4]], [[0, 1], [1, 0]], [5, 0])
        Tensor([[1, 5],
                [3, 4]], shape=(2, 2), dtype=int64)
    """


scatter_nd_max.batch(_batch_indexing.scattered_at_coordinates)


@op(infer="scatter_nd:real")
def scatter_nd_min(x: TensorLike, indices: TensorLike, updates: TensorLike) -> Tensor:
    """Take the minimum at coordinates; NaN wins. Ties share the gradient equally.

    Args:
        x: [...], any real dtype.
        indices: [..., k], any integer dtype: in the last axis a position for each of the first k axes of x;
            negative ones count from the end.
        updates: The shape of `indices` without its last axis, then the axes of x after the k-th; of x's dtype or
            a smaller kind.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: A position is out of range.
        ValueError: k exceeds the number of x's axes, or `updates` has another shape.
        TypeError: The indices are not integers, or x is boolean, complex or a string tensor.

    Example:
        >>> penstock.scatter_nd_min([[1, 2], [3, 4]], [[0, 1], [1, 0]], [5, 0])
        Tensor([[1, 2],
                [0, 4]], shape=(2, 2), dtype=int64)
    """


scatter_nd_min.batch(_batch_indexing.scattered_at_coordinates)


@scatter_nd_update.reference
def _(x: Any, indices: Any, updates: Any) -> Any:
    y = x.copy()
    if indices.shape[-1]:
        y[coordinates(indices)] = updates
    elif updates.size:
        y[...] = updates.reshape(-1, *x.shape)[-1]
    return y


def _combined(combine: Any) -> Any:
    def reference(x: Any, indices: Any, updates: Any) -> Any:
        y = wider(x).copy()
        if indices.shape[-1]:
            combine.at(y, coordinates(indices), updates)
            return y
        for update in updates.reshape(-1, *x.shape):
            y = combine(y, update)
        return y

    return reference


scatter_nd_add.reference(_combined(np.add))
scatter_nd_max.reference(_combined(np.maximum))
scatter_nd_min.reference(_combined(np.minimum))


@scatter_nd_update.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, indices, updates = node.inputs
    indexed = int(indices.shape[-1])
    number = numbered(indices.shape[:-1])
    owner = scatter_nd_update(ops.full(x.shape[:indexed], -1, "int64"), indices, number)
    stays = ops.gather_nd(owner, indices) == number
    stays = ops.reshape(stays, (*stays.shape, *[1] * (x.ndim - indexed)))
    dx = scatter_nd_update(dy, indices, ops.full(updates.shape, 0, dy.dtype))
    return dx, None, ops.where(stays, ops.gather_nd(dy, indices), 0.0)


@scatter_nd_add.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return dy, None, ops.gather_nd(dy, node.inputs[1])


@scatter_nd_max.vjp
@scatter_nd_min.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    indices = node.inputs[1]
    dx, updates = shares(
        node,
        dy,
        read=lambda x: ops.gather_nd(x, indices),
        add=lambda x, updates: scatter_nd_add(x, indices, updates),
    )
    return dx, None, updates


def _samples(dtypes: tuple[str, ...], rng: np.random.Generator) -> Iterator[Sample]:
    places = np.array([[3, 0], [0, -2], [3, 0]])
    for dtype in dtypes:
        yield Sample(
            (array(rng, (4, 3), dtype), places, array(rng, (3,), dtype, 0, 2)), label=dtype
        )
    slices = array(rng, (4, 3)), np.array([[[1], [-4], [1]]], "int32"), array(rng, (1, 3, 3))
    yield Sample(slices, label="slices")
    yield Sample((array(rng, (4, 3)), np.array([1, 2]), array(rng, ())), label="one element")
    nowhere = np.zeros((2, 0), "int64")
    yield Sample((array(rng, (2, 2)), nowhere, array(rng, (2, 2, 2))), label="no coordinates")
    yield Sample((array(rng, ()), nowhere, array(rng, (2,))), label="0-d")
    nothing = np.zeros((0, 2), "int64")
    yield Sample((array(rng, (4, 3)), nothing, array(rng, (0,))), label="empty")
    yield Sample((array(rng, (3, 4)).T, places, array(rng, (3,))[::-1]), label="strided")


@scatter_nd_update.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    return _samples((*NUMERIC, "bool"), rng)


@scatter_nd_add.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    return _samples(NUMERIC, rng)


@scatter_nd_max.samples
@scatter_nd_min.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    return _samples(REALS, rng)


def _rejects() -> Iterator[Reject]:
    x, place = np.ones((2, 3)), np.array([[0, 0]])
    yield Reject((x, np.array([[0, 3]]), np.ones(1)), error=IndexError, match=r"\b3\b.*axis.* 1 ")
    yield Reject((x, np.array([[0, 0, 0]]), np.ones(1)), match="at most 2; reshape indices")
    yield Reject((x, place, np.ones(2)), match=r"expected \(1,\).*reshape it")
    yield Reject((x, np.ones((1, 2)), np.ones(1)), error=TypeError, match="int64.*astype")


for _op in (scatter_nd_update, scatter_nd_add, scatter_nd_max, scatter_nd_min):
    _op.rejects(_rejects)


def scatter_nd(indices: TensorLike, updates: TensorLike, shape: ShapeLike) -> Tensor:
    """Add updates at coordinates of zeros.

    Args:
        indices: [..., k], any integer dtype: in the last axis a position for each of the first k axes of the
            result; negative ones count from the end.
        updates: The shape of `indices` without its last axis, then the other axes of the result; any numeric dtype.
        shape: The sizes of the result.

    Returns:
        `shape`, of the dtype of `updates`.

    Raises:
        IndexError: A position is out of range.
        ValueError: k exceeds the number of axes, or `updates` has another shape.
        TypeError: The indices are not integers, or the updates are no numbers.

    Example:
        >>> penstock.scatter_nd([[1], [3], [1]], [10, 20, 30], (5,))
        Tensor([ 0, 40,  0, 20,  0], shape=(5,), dtype=int64)
    """
    updates = asarray(updates)
    return scatter_nd_add(ops.full(shape, 0, updates.dtype), indices, updates)
