"""Elements written at positions that are data: whole slices along an axis, and single elements."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch_indexing
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import NUMERIC, REALS, array
from penstock.ops._scatter_gradients import first_counted, numbered, shares
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def _places(indices: Any, axis: int) -> tuple[Any, ...]:
    return (*(builtins.slice(None),) * axis, indices)


@op(infer="scatter:any")
def scatter(x: TensorLike, indices: TensorLike, updates: TensorLike, axis: int = 0) -> Tensor:
    """Replace slices at positions along an axis; of several for one position the last one stays.

    Args:
        x: [...], any dtype.
        indices: [...], any integer dtype; negative ones count from the end.
        updates: x's shape with that of `indices` in place of the axis, of x's dtype or a smaller kind.
        axis: The axis that the indices count along.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis, or an index is out of range.
        ValueError: `updates` has not the shape that follows from x and `indices`.
        TypeError: The indices are not integers, or the updates do not fit into x's dtype.

    Example:
        >>> penstock.scatter([0.0, 0.0, 0.0], [2, 0, 2], [1.0, 2.0, 3.0])
        Tensor([2., 0., 3.], shape=(3,), dtype=float32)
    """


scatter.batch(_batch_indexing.scattered)


@scatter.reference
def _(x: Any, indices: Any, updates: Any, axis: int) -> Any:
    y = x.copy()
    y[_places(indices, axis)] = updates
    return y


@scatter.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, indices, updates = node.inputs
    axis = node.attrs["axis"]
    number = numbered(indices.shape)
    owner = scatter(ops.full((x.shape[axis],), -1, "int64"), indices, number)
    stays = ops.take(owner, indices) == number
    stays = ops.reshape(stays, (*stays.shape, *[1] * (x.ndim - axis - 1)))
    dx = scatter(dy, indices, ops.full(updates.shape, 0, dy.dtype), axis)
    return dx, None, ops.where(stays, ops.take(dy, indices, axis), 0.0)


def _slices(dtypes: tuple[str, ...], rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in dtypes:
        args = array(rng, (4, 3), dtype), np.array([3, 0, 3]), array(rng, (3, 3), dtype)
        yield Sample(args, label=dtype)
    columns = array(rng, (4, 3)), np.array([[-1, -3]], "int32"), array(rng, (4, 1, 2)), -1
    yield Sample(columns, label="negative")
    yield Sample((array(rng, (4, 3)), np.array(2), array(rng, (3,))), label="0-d index")
    nothing = np.zeros((0,), "int64")
    yield Sample((array(rng, (4, 3)), nothing, array(rng, (0, 3))), label="empty")
    turned = array(rng, (3, 4)).T, np.array([1, 1]), array(rng, (3, 2)).T
    yield Sample(turned, label="strided")
    where = rng.integers(0, 300, 2000)
    large = array(rng, (300, 70), "float32"), where, array(rng, (2000, 70), "float32")
    yield Sample(large, label="large")


def _wrong_slices() -> Iterator[Reject]:
    yield Reject((np.ones(3), np.array([3]), np.ones(1)), error=IndexError, match=r"\b3\b")
    yield Reject((np.ones(3), np.array([0]), np.ones(2)), match=r"expected \(1,\).*reshape it")
    yield Reject((np.ones(3), np.ones(1), np.ones(1)), error=TypeError, match="int64.*astype")


@scatter.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    return _slices((*NUMERIC, "bool"), rng)


@scatter.rejects
def _() -> Iterator[Reject]:
    yield from _wrong_slices()
    wide = np.ones(3, "int32"), np.array([0]), np.ones(1)
    yield Reject(wide, error=TypeError, match="does not fit into int32.*astype")


@op(infer="scatter:real")
def scatter_max(x: TensorLike, indices: TensorLike, updates: TensorLike, axis: int = 0) -> Tensor:
    """Take the maximum with slices at positions along an axis; NaN wins. Ties share the gradient equally.

    Args:
        x: [...], any real dtype.
        indices: [...], any integer dtype; negative ones count from the end.
        updates: x's shape with that of `indices` in place of the axis, of x's dtype or a smaller kind.
        axis: The axis that the indices count along.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis, or an index is out of range.
        ValueError: `updates` has not the shape that follows from x and `indices`.
        TypeError: The indices are not integers, or x is boolean, complex or a string tensor.

    Example:
        >>> penstock.scatter_max([0.0, 5.0, 0.0], [0, 1, 0], [1.0, 2.0, 3.0])
        Tensor([3., 5., 0.], shape=(3,), dtype=float32)
    """


scatter_max.batch(_batch_indexing.scattered)


@op(infer="scatter:real")
def scatter_min(x: TensorLike, indices: TensorLike, updates: TensorLike, axis: int = 0) -> Tensor:
    """Take the minimum with slices at positions along an axis; NaN wins. Ties share the gradient equally.

    Args:
        x: [...], any real dtype.
        indices: [...], any integer dtype; negative ones count from the end.
        updates: x's shape with that of `indices` in place of the axis, of x's dtype or a smaller kind.
        axis: The axis that the indices count along.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis, or an index is out of range.
        ValueError: `updates` has not the shape that follows from x and `indices`.
        TypeError: The indices are not integers, or x is boolean, complex or a string tensor.

    Example:
        >>> penstock.scatter_min([0.0, 5.0, 0.0], [0, 1, 0], [1.0, 2.0, -3.0])
        Tensor([-3.,  2.,  0.], shape=(3,), dtype=float32)
    """


scatter_min.batch(_batch_indexing.scattered)


@scatter_max.reference
def _(x: Any, indices: Any, updates: Any, axis: int) -> Any:
    y = x.copy()
    np.maximum.at(y, _places(indices, axis), updates)
    return y


@scatter_min.reference
def _(x: Any, indices: Any, updates: Any, axis: int) -> Any:
    y = x.copy()
    np.minimum.at(y, _places(indices, axis), updates)
    return y


@scatter_max.vjp
@scatter_min.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    _, indices, _ = node.inputs
    axis = node.attrs["axis"]
    dx, updates = shares(
        node,
        dy,
        read=lambda x: ops.take(x, indices, axis),
        add=lambda x, updates: ops.scatter_add(x, indices, updates, axis),
    )
    return dx, None, updates


@scatter_max.samples
@scatter_min.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _slices(REALS, rng)
    flawed = np.array([1.0, np.nan, 2.0]), np.array([0, 1, 2]), np.array([np.nan, 1.0, np.inf])
    yield Sample(flawed, label="NaN", differentiable=False)


@scatter_max.rejects
@scatter_min.rejects
def _() -> Iterator[Reject]:
    yield from _wrong_slices()
    flags = np.ones(3, bool), np.array([0]), np.ones(1, bool)
    yield Reject(flags, error=TypeError, match="got bool.*astype")


@op(infer="put_along_axis")
def put_along_axis(
    x: TensorLike, indices: TensorLike, values: TensorLike, axis: int = -1, *, mode: str = "set"
) -> Tensor:
    """Write elements along an axis, at every place of the other axes its own: y[a, indices[a, i]] = values[a, i].

    The counterpart of `take_along_axis`; x itself stays as it is.

    Args:
        x: [...], any dtype; for another mode than "set" a numeric one.
        indices: As many axes as x, any integer dtype; negative ones count from the end. Apart from `axis` the
            sizes are those of x, or 1.
        values: Broadcasts to x's shape with the size of `indices` along `axis`; of x's dtype or a smaller kind.
        axis: The axis to write along.
        mode: What happens at a position: "set" replaces (of several values the last one stays), "add" adds up,
            "max" and "min" keep the largest or smallest; among equals they share the gradient.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis, or an index is out of range.
        ValueError: A shape does not fit, or the mode is none of these.
        TypeError: The indices are not integers, or the dtype does not suit the mode.

    Example:
        >>> penstock.put_along_axis([[10, 20, 30], [40, 50, 60]], [[2], [0]], -1, axis=1)
        Tensor([[10, 20, -1],
                [-1, 50, 60]], shape=(2, 3), dtype=int64)
    """


put_along_axis.batch(_batch_indexing.along_axis)


@put_along_axis.reference
def _(x: Any, indices: Any, values: Any, axis: int, mode: str) -> Any:
    shape = (*x.shape[:axis], indices.shape[axis], *x.shape[axis + 1 :])
    places = list(np.ogrid[tuple(builtins.slice(n) for n in shape)]) if x.ndim else []
    places[axis] = np.broadcast_to(indices, shape)
    y = wider(x).copy()
    if mode == "set":
        y[tuple(places)] = np.broadcast_to(values, shape)
    else:
        combine = {"add": np.add, "max": np.maximum, "min": np.minimum}[mode]
        combine.at(y, tuple(places), np.broadcast_to(values, shape))
    return y


@put_along_axis.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, indices, values = node.inputs
    axis, mode = node.attrs["axis"], node.attrs["mode"]
    if mode == "add":
        return dy, None, sum_to(ops.take_along_axis(dy, indices, axis), values)
    if mode == "set":
        number = first_counted(indices.shape[axis], x.ndim, axis)
        owner = put_along_axis(ops.full(x.shape, -1, "int64"), indices, number, axis)
        stays = ops.take_along_axis(owner, indices, axis) == number
        dvalues = ops.where(stays, ops.take_along_axis(dy, indices, axis), 0.0)
        dx = put_along_axis(dy, indices, ops.full((), 0, dy.dtype), axis)
        return dx, None, sum_to(dvalues, values)
    dx, spread = shares(
        node,
        dy,
        read=lambda x: ops.take_along_axis(x, indices, axis),
        add=lambda x, updates: put_along_axis(x, indices, updates, axis, mode="add"),
    )
    return dx, None, sum_to(spread, values)


@put_along_axis.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for mode, dtypes in (
        ("set", (*NUMERIC, "bool")),
        ("add", NUMERIC),
        ("max", REALS),
        ("min", REALS),
    ):
        for dtype in dtypes:
            picked = rng.integers(-4, 4, (3, 3))
            pair = picked, array(rng, (3, 3), dtype, 0, 2)
            yield Sample(
                (array(rng, (4, 3), dtype), *pair, 0), {"mode": mode}, label=f"{mode} {dtype}"
            )
        one = array(rng, (2, 3, 4)), rng.integers(0, 4, (1, 3, 2)), array(rng, (3, 1))
        yield Sample(one, {"mode": mode}, label=f"{mode} broadcast")
        nothing = array(rng, (4, 3)), np.zeros((4, 0), "int64"), array(rng, (4, 0))
        yield Sample(nothing, {"mode": mode}, label=f"{mode} empty")
    large = array(rng, (37, 4099), "float32"), rng.integers(0, 4099, (37, 2000))
    yield Sample((*large, array(rng, (37, 2000), "float32")), label="large")


@put_along_axis.rejects
def _() -> Iterator[Reject]:
    x, first = np.ones((2, 3)), np.array([[0]])
    yield Reject((x, np.array([[3]]), 1.0), error=IndexError, match=r"\b3\b")
    yield Reject((x, np.array([0]), 1.0), match="as many axes as x.*insert axes of size 1")
    yield Reject((x, first, np.ones((2, 2))), match=r"values has shape \(2, 2\).*to \(2, 1\)")
    yield Reject((x, first, 1.0), {"mode": "sum"}, match='got mode="sum"; use "set", "add"')
    yield Reject((x, np.ones((1, 1)), 1.0), error=TypeError, match="int32 or int64.*astype")
    flags = np.ones((2, 3), bool), first, True
    yield Reject(flags, {"mode": "add"}, error=TypeError, match="got bool.*astype")
