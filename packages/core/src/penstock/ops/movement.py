"""The same elements in another arrangement: reshape, transpose, broadcast, join, pad."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import NUMERIC, array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, ShapeLike, TensorLike


@op(infer="reshape", alias=True)
def reshape(x: TensorLike, shape: ShapeLike, *, copy: bool | None = None) -> Tensor:
    """Give the elements another shape, in the same row-major order. Nothing is copied.

    Args:
        x: [...], any dtype.
        shape: The new sizes; one of them may be -1 and is then computed.
        copy: The array API's. Tensors are values, so a copy could not be told from the original; there is none.

    Returns:
        `shape`, of x's dtype.

    Raises:
        ValueError: The shapes differ in their number of elements, or -1 occurs twice.

    Example:
        >>> penstock.reshape([1, 2, 3, 4], (2, -1))
        Tensor([[1, 2],
                [3, 4]], shape=(2, 2), dtype=int64)
    """


reshape.jvp(_tangents.linear)


reshape.batch(_batch.reshaped)


@reshape.reference
def _(x: Any, shape: Any, copy: bool | None) -> Any:
    return np.reshape(x, shape)


@reshape.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (ops.reshape(dy, node.inputs[0].shape),)


@reshape.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (3, 4), dtype), (2, 6)), label=dtype)
    yield Sample((array(rng, (2, 3, 4)), (-1, 4)), label="computed")
    yield Sample((array(rng, ()), (1, 1)), label="from 0-d")
    yield Sample((array(rng, (1, 1)), ()), label="to 0-d")
    yield Sample((array(rng, (0, 3)), (3, 0, 2)), label="empty")
    yield Sample((array(rng, (3, 4)).T, (12,)), label="strided")
    yield Sample((array(rng, (12,)), 12), label="one size")


@reshape.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), (4, 2)), match="6 elements, the second 8; use -1")
    yield Reject((np.ones((2, 3)), (-1, -1)), match="more than one -1")
    yield Reject((np.ones((2, 3)), (-1, 4)), match="6 elements are not a multiple of 4")
    yield Reject((np.ones((2, 3)), (-2, -3)), match="must not be negative")


@op(infer="transpose")
def transpose(x: TensorLike, axes: Ints | None = None) -> Tensor:
    """Put the axes into another order.

    Args:
        x: [...], any dtype.
        axes: For each axis of the result, the axis of x that it comes from; None reverses them all.

    Returns:
        x's sizes in the new order, of x's dtype.

    Raises:
        ValueError: `axes` does not name every axis once.
        IndexError: x has no such axis.

    Example:
        >>> penstock.transpose([[1, 2], [3, 4]])
        Tensor([[1, 3],
                [2, 4]], shape=(2, 2), dtype=int64)
    """


transpose.jvp(_tangents.linear)


transpose.batch(_batch.transposed)


transpose.reference(np.transpose)


@transpose.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    axes = node.attrs["axes"]
    return (ops.transpose(dy, sorted(range(len(axes)), key=axes.__getitem__)),)


@transpose.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (3, 4), dtype),), label=dtype)
    yield Sample((array(rng, (2, 3, 4)), (1, 2, 0)), label="rotated")
    yield Sample((array(rng, (2, 3, 4)), (-1, 0, 1)), label="negative axis")
    yield Sample((array(rng, ()),), label="0-d")
    yield Sample((array(rng, (0, 3)),), label="empty")
    yield Sample((array(rng, (67, 131)),), label="large")
    yield Sample((array(rng, (3, 4)).T,), label="strided")


@transpose.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), (0, 0)), match="each axis from 0 to 1 once")
    yield Reject((np.ones((2, 3)), (0, 2)), error=IndexError, match="use -2 to 1")


@op(infer="broadcast_to")
def broadcast_to(x: TensorLike, shape: ShapeLike) -> Tensor:
    """Repeat the elements along axes of size 1, and along new leading axes.

    Args:
        x: [...], any dtype.
        shape: The sizes of the result; counted from the last axis, x's sizes are equal to them or 1.

    Returns:
        `shape`, of x's dtype.

    Raises:
        ValueError: x's shape does not broadcast to `shape`.

    Example:
        >>> penstock.broadcast_to([1, 2], (2, 2))
        Tensor([[1, 2],
                [1, 2]], shape=(2, 2), dtype=int64)
    """


broadcast_to.jvp(_tangents.linear)


broadcast_to.batch(_batch.broadcast)


broadcast_to.reference(np.broadcast_to)


@broadcast_to.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (sum_to(dy, node.inputs[0]),)


@broadcast_to.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (3, 1), dtype), (2, 3, 4)), label=dtype)
    yield Sample((array(rng, ()), (2, 3)), label="from 0-d")
    yield Sample((array(rng, ()), ()), label="0-d")
    yield Sample((array(rng, (1, 3)), (0, 3)), label="empty")
    yield Sample((array(rng, (4, 2)).T, (3, 2, 4)), label="strided")


@broadcast_to.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), (3, 2)), match="counted from the last axis")
    yield Reject((np.ones((2, 3)), (3,)), match="cannot broadcast")


@op(infer="concat", name="concat")
def concat_(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Join tensors along an axis that they have.

    Args:
        xs: [...] each, any dtypes that promote; equal sizes except along `axis`.
        axis: The axis to join along.

    Returns:
        The common shape, with the sizes along `axis` added up, of the promoted dtype.

    Raises:
        ValueError: There are no tensors, or their shapes differ along another axis.
        IndexError: The tensors have no such axis.
        TypeError: The dtypes do not promote.

    Example:
        >>> penstock.concat([[1, 2], [3]])
        Tensor([1, 2, 3], shape=(3,), dtype=int64)
    """


concat_.jvp(_tangents.linear)


concat_.batch(_batch.one_axis)


@concat_.reference
def _(*xs: Any, axis: int) -> Any:
    return np.concatenate(xs, axis)


@concat_.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    axis, begin, grads = node.attrs["axis"], 0, []
    for x in node.inputs:
        starts = [begin if a == axis else 0 for a in range(x.ndim)]
        grads.append(ops.slice(dy, starts, x.shape, [1] * x.ndim))
        begin = begin + x.shape[axis]
    return tuple(grads)


@concat_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample(([array(rng, (2, 3), dtype), array(rng, (4, 3), dtype)],), label=dtype)
    parts = [array(rng, (2, n, 3)) for n in (1, 0, 4)]
    yield Sample((parts, -2), label="negative axis, one empty")
    yield Sample(([array(rng, (3,))],), label="one")
    yield Sample(([array(rng, (2,), "float32"), array(rng, (3,), "float64")],), label="mixed")


@concat_.rejects
def _() -> Iterator[Reject]:
    yield Reject(([],), match="at least one")
    yield Reject(([np.ones((2, 3)), np.ones((2, 4))],), match="except along axis 0")
    yield Reject(([np.ones(2), np.ones(2)], 1), error=IndexError, match="use -1 to 0")


def concat(xs: Sequence[TensorLike], axis: int | None = 0) -> Tensor:
    """Join tensors along an axis.

    Args:
        xs: [...] each, any dtypes that promote, of equal sizes but for the axis.
        axis: The axis; None joins the flattened tensors.

    Returns:
        The common sizes, along the axis their sum, of the promoted dtype.

    Raises:
        ValueError: There are no tensors, or their shapes do not fit.
        IndexError: The tensors have no such axis.
        TypeError: The dtypes do not promote.

    Example:
        >>> penstock.concat([[1, 2], [3]])
        Tensor([1, 2, 3], shape=(3,), dtype=int64)
    """
    if axis is None:
        return concat_([ops.reshape(x, (-1,)) for x in xs])
    return concat_(xs, axis)


@op(infer="pad")
def pad_(x: TensorLike, pad_width: ShapeLike, value: float = 0.0) -> Tensor:
    """Add elements of one value before and after each axis.

    Args:
        x: [...], any dtype but string.
        pad_width: How many to add: before and after axis 0, before and after axis 1, and so on.
        value: What to add.

    Returns:
        x's shape, each axis larger by its two widths, of x's dtype.

    Raises:
        ValueError: There are not two widths for each axis, or one is negative.

    Example:
        >>> penstock.pad([1, 2], (1, 2))
        Tensor([0, 1, 2, 0, 0], shape=(5,), dtype=int64)
    """


pad_.jvp(_tangents.padded)


pad_.batch(_batch.padded)


@pad_.reference
def _(x: Any, pad_width: Any, value: float) -> Any:
    widths = np.reshape(pad_width, (x.ndim, 2)).astype(int)
    filling = np.asarray(value).astype(x.dtype)
    return np.pad(x, widths, constant_values=filling) if x.ndim else x


@pad_.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (ops.slice(dy, node.attrs["pad_width"][::2], x.shape, [1] * x.ndim),)


@pad_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (2, 3), dtype), (1, 2, 0, 3)), {"value": 1.0}, label=dtype)
    yield Sample((array(rng, ()), ()), label="0-d")
    yield Sample((array(rng, (0, 2)), (1, 1, 0, 0)), label="empty")
    yield Sample((array(rng, (3, 2)).T, (0, 0, 1, 0)), label="strided")


@pad_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), (1, 1)), match="expected 4: before and after for each axis")
    yield Reject((np.ones(2), (-1, 0)), match="slice x to make it smaller")
