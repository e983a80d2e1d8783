"""Elements repeated, whole tensors repeated, and elements moved round."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError
from penstock.ops import _batch_indexing, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import NUMERIC, array
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Axis, Ints, ShapeLike, TensorLike


@op(infer="repeat", name="repeat")
def repeat_(x: TensorLike, repeats: ShapeLike, axis: int | None = None) -> Tensor:
    """Repeat each element some times in a row.

    Args:
        x: [...], any dtype.
        repeats: How often; one number for all, or one for each element along the axis.
        axis: The axis to repeat along; None takes the flattened tensor.

    Returns:
        x's shape, flattened if `axis` is None, with the axis that much longer.

    Raises:
        IndexError: x has no such axis.
        ValueError: A number is negative, or there are not as many as elements.

    Example:
        >>> penstock.repeat([1, 2], 2)
        Tensor([1, 1, 2, 2], shape=(4,), dtype=int64)
        >>> penstock.repeat([1, 2], (3, 1))
        Tensor([1, 1, 1, 2], shape=(4,), dtype=int64)
    """


repeat_.jvp(_tangents.linear)


repeat_.batch(_batch_indexing.flattened())


@repeat_.reference
def _(x: Any, repeats: Any, axis: int | None) -> Any:
    return np.repeat(x, repeats, axis)


@repeat_.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    repeats, axis = node.attrs["repeats"], node.attrs["axis"]
    line = ops.reshape(x, (-1,)) if axis is None else x
    at = axis or 0
    if len(repeats) == 1:
        shape = [*line.shape[: at + 1], repeats[0], *line.shape[at + 1 :]]
        dx = ops.sum(ops.reshape(dy, shape), at + 1)
    else:
        owner = np.repeat(np.arange(len(repeats)), repeats)
        dx = ops.scatter_add(ops.full(line.shape, 0, dy.dtype), owner, dy, at)
    return (ops.reshape(dx, x.shape),)


@repeat_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (3, 4), dtype), 2), label=dtype)
    for axis in (0, 1, -1):
        yield Sample((array(rng, (2, 3)), 3, axis), label=f"axis {axis}")
    yield Sample((array(rng, (2, 3)), (2, 0, 1), 1), label="each its own")
    yield Sample((array(rng, (2, 2)), (1, 2, 0, 3)), label="each its own, flattened")
    yield Sample((array(rng, (2, 3)), 0, 1), label="never")
    yield Sample((array(rng, ()), 3), label="0-d")
    yield Sample((array(rng, (0, 3)), 2, 0), label="empty")
    yield Sample((array(rng, (3, 2)).T, 2, 0), label="strided")
    yield Sample((array(rng, (37, 4099), "float32"), 2, 1), label="large")


@repeat_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), -1), match="must not be negative")
    yield Reject(
        (np.ones(3), (1, 2)), match="2 repeats for an axis of size 3.*a single one for all"
    )
    yield Reject((np.ones(3), 2, 1), error=IndexError, match="use -1 to 0")


def repeat(x: TensorLike, repeats: Any, axis: int | None = None) -> Tensor:
    """Repeat each element some times in a row.

    Args:
        x: [...], any dtype.
        repeats: How often; one number for all, or one for each element along the axis: a list of them, or a tensor whose
            values are known.
        axis: The axis to repeat along; None takes the flattened tensor.

    Returns:
        x's shape, flattened if `axis` is None, with the axis that much longer.

    Raises:
        IndexError: x has no such axis.
        ValueError: A number is negative, or there are not as many as elements.
        TypeError: `repeats` is computed in a graph, or does not hold whole numbers.

    Example:
        >>> penstock.repeat([1, 2], 2)
        Tensor([1, 1, 2, 2], shape=(4,), dtype=int64)
        >>> penstock.repeat([1, 2], (3, 1))
        Tensor([1, 1, 1, 2], shape=(4,), dtype=int64)
    """
    if getattr(repeats, "is_symbolic", False):
        raise InvalidTypeError(
            "[repeat] got repeats that are computed in the graph, which decide a size; give numbers, or mark the "
            "argument static: @penstock.function(static_argnames=...)"
        )
    if hasattr(repeats, "dtype"):
        repeats = np.asarray(repeats).ravel().tolist()
    return repeat_(x, repeats, axis)


@op(infer="tile_copies")
def tile(x: TensorLike, repetitions: ShapeLike) -> Tensor:
    """Lay copies of a tensor side by side.

    Args:
        x: [...], any dtype.
        repetitions: How often along each axis. Fewer numbers than axes mean the last axes; for more, x gets axes of
            size 1 in front.

    Returns:
        Each size times its number of copies, of x's dtype.

    Raises:
        ValueError: A number is negative.

    Example:
        >>> penstock.tile([1, 2], 2)
        Tensor([1, 2, 1, 2], shape=(4,), dtype=int64)
        >>> penstock.tile([1, 2], (2, 1))
        Tensor([[1, 2],
                [1, 2]], shape=(2, 2), dtype=int64)
    """


tile.jvp(_tangents.linear)


tile.batch(_batch_indexing.tiled)


@tile.reference
def _(x: Any, repetitions: Any) -> Any:
    return np.tile(x, repetitions)


@tile.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    counts = (1,) * (dy.ndim - len(node.attrs["repetitions"])) + tuple(node.attrs["repetitions"])
    sizes = (1,) * (dy.ndim - x.ndim) + tuple(x.shape)
    shape: list[Any] = []
    copies: list[int] = []
    for n, size in zip(counts, sizes, strict=True):
        if n != 1:
            copies.append(len(shape))
            shape.append(n)
        shape.append(size)
    return (ops.reshape(ops.sum(ops.reshape(dy, shape), copies), x.shape),)


@tile.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (3, 4), dtype), (2, 3)), label=dtype)
    yield Sample((array(rng, (2, 3)), 2), label="last axis")
    yield Sample((array(rng, (3,)), (2, 1, 2)), label="new axes")
    yield Sample((array(rng, (2, 3)), ()), label="as it is")
    yield Sample((array(rng, (2, 3)), (2, 0)), label="never")
    yield Sample((array(rng, ()), 3), label="0-d")
    yield Sample((array(rng, (0, 3)), 2), label="empty")
    yield Sample((array(rng, (3, 2)).T, (2, 1)), label="strided")
    yield Sample((array(rng, (37, 4099), "float32"), (2, 2)), label="large")


@tile.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), (2, -1)), match="must not be negative")


@op(infer="roll")
def roll(x: TensorLike, shift: Ints, axis: Axis = None) -> Tensor:
    """Move elements along axes; what leaves at one end comes in at the other.

    Args:
        x: [...], any dtype.
        shift: How far, forwards; one number for all axes, or one for each. It may exceed the size.
        axis: Which axes; None rolls the flattened tensor and gives it its shape back.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are not as many shifts as axes.

    Example:
        >>> penstock.roll([1, 2, 3, 4], 1)
        Tensor([4, 1, 2, 3], shape=(4,), dtype=int64)
    """


roll.jvp(_tangents.linear)


roll.batch(_batch_indexing.flattened(restores=True))


@roll.reference
def _(x: Any, shift: Any, axis: Any) -> Any:
    return np.roll(x, shift, axis)


@roll.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (roll(dy, [-shift for shift in node.attrs["shift"]], node.attrs["axis"]),)


@roll.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (3, 4), dtype), 2, 1), label=dtype)
    yield Sample((array(rng, (3, 4)), -5), label="flattened")
    yield Sample((array(rng, (3, 4)), (1, -9), (0, -1)), label="two axes")
    yield Sample((array(rng, (2, 3, 4)), 1, (0, 1, 2)), label="all axes")
    yield Sample((array(rng, (3, 4)), (1, 1), (1, 1)), label="one axis twice")
    yield Sample((array(rng, (3, 4)), 4, 1), label="all the way round")
    yield Sample((array(rng, ()), 3), label="0-d")
    yield Sample((array(rng, (0, 3)), 2, 0), label="empty")
    yield Sample((array(rng, (4, 3)).T, 1, 0), label="strided")
    yield Sample((array(rng, (37, 4099), "float32"), (5, 1000), (0, 1)), label="large")


@roll.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), (1, 2, 3), (0, 1)), match="3 shifts for 2 axes.*a single one")
    yield Reject((np.ones((2, 3)), (1, 2)), match="2 shifts for 1 axis")
    yield Reject((np.ones(3), 2, 1), error=IndexError, match="use -1 to 0")


def meshgrid(*xs: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """Make the coordinates of a grid from those along its axes.

    Args:
        xs: [n] or [] each, any dtype: the coordinates along one axis.
        indexing: "xy" has the first tensor run along the columns, the second along the rows; "ij" has each run along
            the axis of its number.

    Returns:
        For each of `xs` a tensor of the grid's shape, of its dtype.

    Raises:
        ValueError: A tensor has more than one axis, or the indexing is neither of these.

    Example:
        >>> x, y = penstock.meshgrid([1, 2, 3], [10, 20])
        >>> print(x.tolist(), y.tolist())
        [[1, 2, 3], [1, 2, 3]] [[10, 10, 10], [20, 20, 20]]
    """
    if indexing not in ("xy", "ij"):
        raise InvalidValueError(f'[meshgrid] got indexing="{indexing}"; use "xy" or "ij"')
    tensors = [asarray(x) for x in xs]
    for x in tensors:
        if x.ndim > 1:
            raise ShapeError(
                f"[meshgrid] got shape {x.shape}; expected the coordinates along one axis; flatten it"
            )
    sizes = [x.shape[0] if x.ndim else 1 for x in tensors]
    axes = list(range(len(tensors)))
    if indexing == "xy" and len(tensors) > 1:
        axes[:2] = [1, 0]
    shape = [sizes[a] for a in axes]  # "xy" swaps the first two, both ways
    return [
        ops.broadcast_to(ops.reshape(x, [n if a == axis else 1 for a in range(len(shape))]), shape)
        for x, n, axis in zip(tensors, sizes, axes, strict=True)
    ]
