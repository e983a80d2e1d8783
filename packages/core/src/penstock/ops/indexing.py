"""Elements by position: slices, gathering and scattering. `x[...]` is made of these; see `_subscript`."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock._native import Dim
from penstock.ops import _batch, _batch_indexing, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, INTEGERS, NUMERIC, array
from penstock.ops.conversion import asarray
from penstock.ops.counting import positions
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, Ints, ShapeLike, TensorLike


def _window(starts: Any, sizes: Any, steps: Any) -> tuple[builtins.slice, ...]:
    """Write start + i * step for 0 <= i < size as NumPy slices."""
    ends = [start + size * step for start, size, step in zip(starts, sizes, steps, strict=True)]
    # An end below 0 would count from the other side.
    return tuple(
        builtins.slice(start, end if end >= 0 else None, step) if size else builtins.slice(0, 0)
        for start, end, step, size in zip(starts, ends, steps, sizes, strict=True)
    )


@op(infer="slice")
def slice(x: TensorLike, starts: ShapeLike, sizes: ShapeLike, steps: Ints) -> Tensor:
    """Take a regular part: y[i, j, ...] = x[start₀ + i·step₀, start₁ + j·step₁, ...].

    Args:
        x: [...], any dtype.
        starts: For each axis, the first position.
        sizes: For each axis, how many elements to take.
        steps: For each axis, the distance between them, which may be negative.

    Returns:
        `sizes`, of x's dtype; always a value of its own.

    Raises:
        ValueError: There is not one start, size and step for each axis, a step is 0, or a size is negative.
        IndexError: The part leaves x.

    Example:
        >>> penstock.slice([0, 1, 2, 3, 4], starts=[4], sizes=[2], steps=[-2])
        Tensor([4, 2], shape=(2,), dtype=int64)
    """


slice.jvp(_tangents.linear)


slice.batch(_batch.sliced)


@slice.reference
def _(x: Any, starts: Any, sizes: Any, steps: Any) -> Any:
    return x[_window(starts, sizes, steps)]


@slice.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    zeros = ops.full(node.inputs[0].shape, 0, dy.dtype)
    return (ops.slice_update(zeros, dy, node.attrs["starts"], node.attrs["steps"]),)


@slice.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (4, 5), dtype), (1, 0), (2, 5), (1, 1)), label=dtype)
    yield Sample((array(rng, (4, 5)), (3, 4), (4, 2), (-1, -3)), label="backwards")
    yield Sample((array(rng, (7,)), (1,), (3,), (2,)), label="step")
    yield Sample((array(rng, ()), (), (), ()), label="0-d")
    yield Sample((array(rng, (4, 5)), (4, 0), (0, 5), (1, 1)), label="empty")
    yield Sample((array(rng, (5, 4)).T, (1, 1), (2, 2), (1, 2)), label="strided")


@slice.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), (1,), (3,), (1,)), error=IndexError, match="axis of size 3")
    yield Reject((np.ones(3), (0, 0), (1,), (1,)), match="expected one per axis")
    yield Reject((np.ones(3), (0,), (1,), (0,)), match="step of axis 0 is 0")


@op(infer="slice_update")
def slice_update(x: TensorLike, update: TensorLike, starts: ShapeLike, steps: Ints) -> Tensor:
    """Replace a regular part: a copy of x with y[start₀ + i·step₀, ...] = update[i, ...].

    Args:
        x: [...], any dtype.
        update: [...], as many axes as x, of x's dtype or a smaller kind.
        starts: For each axis, the first position.
        steps: For each axis, the distance between positions, which may be negative.

    Returns:
        x's shape and dtype.

    Raises:
        ValueError: There is not one start and step for each axis, or a step is 0.
        IndexError: The part leaves x.
        TypeError: The update's dtype does not fit into x's.

    Example:
        >>> penstock.slice_update([0, 0, 0, 0], [7, 8], starts=[0], steps=[2])
        Tensor([7, 0, 8, 0], shape=(4,), dtype=int64)
    """


slice_update.jvp(_tangents.linear)


slice_update.batch(_batch_indexing.updated_slice)


@slice_update.reference
def _(x: Any, update: Any, starts: Any, steps: Any) -> Any:
    y = x.copy()
    y[_window(starts, update.shape, steps)] = update
    return y


@slice_update.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    update, attrs = node.inputs[1], node.attrs
    zeros = ops.full(update.shape, 0, dy.dtype)
    dx = ops.slice_update(dy, zeros, attrs["starts"], attrs["steps"])
    return dx, ops.slice(dy, attrs["starts"], update.shape, attrs["steps"])


@slice_update.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        pair = array(rng, (4, 5), dtype), array(rng, (2, 5), dtype)
        yield Sample((*pair, (1, 0), (1, 1)), label=dtype)
    yield Sample((array(rng, (4, 5)), array(rng, (4, 2)), (3, 4), (-1, -3)), label="backwards")
    yield Sample((array(rng, ()), array(rng, ()), (), ()), label="0-d")
    yield Sample((array(rng, (4,)), array(rng, (0,)), (4,), (1,)), label="empty")


@slice_update.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), np.ones(3), (1,), (1,)), error=IndexError, match="axis of size 3")
    yield Reject((np.ones(3), np.ones((1, 1)), (0,), (1,)), match="same number of axes")
    wide = np.ones(3, "int32"), np.ones(1), (0,), (1,)
    yield Reject(wide, error=TypeError, match="does not fit into int32.*astype")


@op(infer="take")
def take(x: TensorLike, indices: TensorLike, axis: int = 0) -> Tensor:
    """Gather slices by their position along an axis.

    Args:
        x: [...], any dtype.
        indices: [...], any integer dtype; negative ones count from the end.
        axis: The axis to gather along.

    Returns:
        x's shape with that of `indices` in place of the axis, of x's dtype.

    Raises:
        IndexError: x has no such axis, or an index is out of range.
        TypeError: The indices are not integers.

    Example:
        >>> penstock.take([10.0, 20.0, 30.0], [2, 0, -1])
        Tensor([30., 10., 30.], shape=(3,), dtype=float32)
    """


take.jvp(_tangents.linear)


take.batch(_batch_indexing.taken)


@take.reference
def _(x: Any, indices: Any, axis: int) -> Any:
    return np.take(x, indices, axis)


@take.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, indices = node.inputs
    zeros = ops.full(x.shape, 0, dy.dtype)
    return ops.scatter_add(zeros, indices, dy, node.attrs["axis"]), None


@take.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (4, 3), dtype), np.array([3, 0, 3])), label=dtype)
    for dtype in INTEGERS:
        yield Sample((array(rng, (4, 3)), np.array([[1, 0]], dtype), 1), label=f"index {dtype}")
    yield Sample((array(rng, (4, 3)), np.array([-1, -3]), -1), label="negative")
    yield Sample((array(rng, (4, 3)), np.array(2)), label="0-d index")
    yield Sample((array(rng, (4, 3)), np.zeros((0,), "int64")), label="empty")
    yield Sample((array(rng, (0, 3)), np.zeros((0,), "int64")), label="from nothing")
    yield Sample((array(rng, (3, 4)).T, np.array([1, 1])), label="strided")


@take.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), np.array([0, 3])), error=IndexError, match=r"\b3\b")
    yield Reject((np.ones(3), np.array([0]), 1), error=IndexError, match="use -1 to 0")
    yield Reject((np.ones(3), np.array([0.0])), error=TypeError, match="expected int32 or int64")


@op(infer="scatter_add")
def scatter_add(x: TensorLike, indices: TensorLike, updates: TensorLike, axis: int = 0) -> Tensor:
    """Add slices at positions along an axis; positions that occur several times add up.

    The transpose of `take`: the gradient of the one is the other.

    Args:
        x: [...], any numeric dtype.
        indices: [...], any integer dtype; negative ones count from the end.
        updates: x's shape with that of `indices` in place of the axis, of x's dtype or a smaller kind.
        axis: The axis that the indices count along.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis, or an index is out of range.
        ValueError: `updates` has not the shape that follows from x and `indices`.
        TypeError: The indices are not integers, or x is boolean.

    Example:
        >>> penstock.scatter_add([0.0, 0.0, 0.0], [2, 0, 2], [1.0, 2.0, 3.0])
        Tensor([2., 0., 4.], shape=(3,), dtype=float32)
    """


scatter_add.jvp(_tangents.linear)


scatter_add.batch(_batch_indexing.scattered)


@scatter_add.reference
def _(x: Any, indices: Any, updates: Any, axis: int) -> Any:
    y = wider(x).copy()
    np.add.at(y, (builtins.slice(None),) * axis + (indices,), updates)
    return y


@scatter_add.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return dy, None, ops.take(dy, node.inputs[1], node.attrs["axis"])


@scatter_add.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in NUMERIC:
        args = array(rng, (4, 3), dtype), np.array([3, 0, 3]), array(rng, (3, 3), dtype, 0, 2)
        yield Sample(args, label=dtype)
    columns = array(rng, (4, 3)), np.array([[-1, -3]]), array(rng, (4, 1, 2)), -1
    yield Sample(columns, label="negative")
    yield Sample((array(rng, (4, 3)), np.array(2), array(rng, (3,))), label="0-d index")
    nothing = np.zeros((0,), "int64")
    yield Sample((array(rng, (4, 3)), nothing, array(rng, (0, 3))), label="empty")


@scatter_add.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), np.array([3]), np.ones(1)), error=IndexError, match=r"\b3\b")
    yield Reject((np.ones(3), np.array([0]), np.ones(2)), match=r"expected \(1,\)")
    yield Reject((np.ones(3), np.array([0.0]), np.ones(1)), error=TypeError, match="int64")


@op(infer="one_hot", name="one_hot")
def one_hot_(indices: TensorLike, depth: int, dtype: DTypeLike = "float32") -> Tensor:
    """Write class numbers as vectors with a single 1.

    Args:
        indices: [...], any integer dtype. A number outside 0 ... depth - 1 gives zeros only.
        depth: The number of classes.
        dtype: Of the result.

    Returns:
        [..., depth], of `dtype`.

    Raises:
        ValueError: `depth` is negative.
        TypeError: The indices are not integers.

    Example:
        >>> penstock.one_hot([1, 0], 3)
        Tensor([[0., 1., 0.],
                [1., 0., 0.]], shape=(2, 3), dtype=float32)
    """


one_hot_.not_differentiable("its input is an index, which changes in steps")


one_hot_.batch(_batch.same)


@one_hot_.reference
def _(indices: Any, depth: int, dtype: Any) -> Any:
    return (indices[..., np.newaxis] == np.arange(depth)).astype(dtype)


@one_hot_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*FLOATS, *INTEGERS, "bool"):
        yield Sample((np.array([[1, 0], [3, -1]]), 3, dtype), label=dtype)
    yield Sample((np.array(2, "int32"), 4), label="0-d")
    yield Sample((np.zeros((0,), "int64"), 4), label="empty")
    yield Sample((np.array([0, 1]), 0), label="no classes")


@one_hot_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.array([0]), -1), match="depth -1")
    yield Reject((np.array([0.0]), 2), error=TypeError, match="expected int32 or int64")


def one_hot(indices: TensorLike, depth: int | Dim, dtype: DTypeLike = "float32") -> Tensor:
    """Write class numbers as vectors with a single 1.

    Args:
        indices: [...], any integer dtype. A number outside 0 ... depth - 1 gives zeros only.
        depth: The number of classes, which may be a size of a tensor.
        dtype: Of the result.

    Returns:
        [..., depth], of `dtype`.

    Raises:
        ValueError: `depth` is negative.
        TypeError: The indices are not integers.

    Example:
        >>> penstock.one_hot([1, 0], 3)
        Tensor([[0., 1., 0.],
                [1., 0., 0.]], shape=(2, 3), dtype=float32)
    """
    if not isinstance(depth, Dim):
        return one_hot_(indices, depth, dtype)
    indices = asarray(indices)
    one_hot_(indices, 0, dtype)  # refuses what it refuses at any depth
    place = ops.reshape(indices, (*indices.shape, 1))
    return ops.astype(place == positions(depth), dtype)
