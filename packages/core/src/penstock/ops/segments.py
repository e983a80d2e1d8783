"""Rows gathered into groups by number, and groups counted."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import GraphError, InvalidValueError
from penstock.ops import _batch_indexing, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import COMPLEX, FLOATS, NUMERIC, REALS, array
from penstock.ops.conversion import asarray
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="segment:numeric")
def segment_sum(data: TensorLike, segment_ids: TensorLike, num_segments: int) -> Tensor:
    """Add up the rows of each segment; the numbers need not be sorted.

    Args:
        data: [..., *rest], any numeric dtype.
        segment_ids: [...], the first sizes of data, any integer dtype: the segment of each row. Rows with a negative
            number belong to none.
        num_segments: How many segments there are.

    Returns:
        [num_segments, *rest], of data's dtype; an empty segment has 0.

    Raises:
        IndexError: A number is `num_segments` or more.
        ValueError: The shapes do not fit, or `num_segments` is negative.
        TypeError: The numbers are not integers, or data is boolean or a string tensor.

    Example:
        >>> penstock.segment_sum([1.0, 2.0, 3.0], [0, 1, 0], 3)
        Tensor([4., 2., 0.], shape=(3,), dtype=float32)
    """


segment_sum.jvp(_tangents.linear)


segment_sum.batch(_batch_indexing.segmented)


@op(infer="segment:float")
def segment_mean(data: TensorLike, segment_ids: TensorLike, num_segments: int) -> Tensor:
    """Average the rows of each segment; the numbers need not be sorted.

    Args:
        data: [..., *rest], any numeric dtype or bool; integers and booleans are taken as float32.
        segment_ids: [...], the first sizes of data, any integer dtype: the segment of each row. Rows with a negative
            number belong to none.
        num_segments: How many segments there are.

    Returns:
        [num_segments, *rest], of data's dtype or float32; an empty segment has 0.

    Raises:
        IndexError: A number is `num_segments` or more.
        ValueError: The shapes do not fit, or `num_segments` is negative.
        TypeError: The numbers are not integers, or data is a string tensor.

    Example:
        >>> penstock.segment_mean([1.0, 2.0, 3.0], [0, 1, 0], 3)
        Tensor([2., 2., 0.], shape=(3,), dtype=float32)
    """


segment_mean.jvp(_tangents.linear)


segment_mean.batch(_batch_indexing.segmented)


@op(infer="segment:numeric")
def segment_prod(data: TensorLike, segment_ids: TensorLike, num_segments: int) -> Tensor:
    """Multiply the rows of each segment. The gradient is exact also where rows are zero.

    Args:
        data: [..., *rest], any dtype but bool and string.
        segment_ids: [...], the first sizes of data, any integer dtype: the segment of each row. Rows with a negative
            number belong to none.
        num_segments: How many segments there are.

    Returns:
        [num_segments, *rest], of data's dtype; an empty segment has ones.

    Raises:
        IndexError: A number is `num_segments` or more.
        ValueError: The shapes do not fit, or `num_segments` is negative.
        TypeError: The numbers are not integers, or data is a boolean or string tensor.

    Example:
        >>> penstock.segment_prod([2.0, 3.0, 4.0], [0, 1, 0], 3)
        Tensor([8., 3., 1.], shape=(3,), dtype=float32)
    """


segment_prod.batch(_batch_indexing.segmented)


@op(infer="segment:real")
def segment_max(data: TensorLike, segment_ids: TensorLike, num_segments: int) -> Tensor:
    """Take the largest of the rows of each segment; NaN wins. Ties share the gradient equally.

    Args:
        data: [..., *rest], any real dtype.
        segment_ids: [...], the first sizes of data, any integer dtype: the segment of each row. Rows with a negative
            number belong to none.
        num_segments: How many segments there are.

    Returns:
        [num_segments, *rest], of data's dtype; an empty segment has -inf, or the smallest integer.

    Raises:
        IndexError: A number is `num_segments` or more.
        ValueError: The shapes do not fit, or `num_segments` is negative.
        TypeError: The numbers are not integers, or data is boolean, complex or a string tensor.

    Example:
        >>> penstock.segment_max([1.0, 2.0, 3.0], [0, 1, 0], 3)
        Tensor([  3.,   2., -inf], shape=(3,), dtype=float32)
    """


segment_max.batch(_batch_indexing.segmented)


@op(infer="segment:real")
def segment_min(data: TensorLike, segment_ids: TensorLike, num_segments: int) -> Tensor:
    """Take the smallest of the rows of each segment; NaN wins. Ties share the gradient equally.

    Args:
        data: [..., *rest], any real dtype.
        segment_ids: [...], the first sizes of data, any integer dtype: the segment of each row. Rows with a negative
            number belong to none.
        num_segments: How many segments there are.

    Returns:
        [num_segments, *rest], of data's dtype; an empty segment has inf, or the largest integer.

    Raises:
        IndexError: A number is `num_segments` or more.
        ValueError: The shapes do not fit, or `num_segments` is negative.
        TypeError: The numbers are not integers, or data is boolean, complex or a string tensor.

    Example:
        >>> penstock.segment_min([1.0, 2.0, 3.0], [0, 1, 0], 3)
        Tensor([ 1.,  2., inf], shape=(3,), dtype=float32)
    """


segment_min.batch(_batch_indexing.segmented)


def _gathered(combine: Any, start: Any, data: Any, ids: Any, num_segments: int) -> Any:
    result = np.full((num_segments, *data.shape[ids.ndim :]), start, data.dtype)
    member = ids >= 0
    combine.at(result, ids[member], data[member])
    return result


@segment_sum.reference
def _(data: Any, segment_ids: Any, num_segments: int) -> Any:
    return _gathered(np.add, 0, wider(data), segment_ids, num_segments)


@segment_mean.reference
def _(data: Any, segment_ids: Any, num_segments: int) -> Any:
    total = _gathered(np.add, 0, wider(data), segment_ids, num_segments)
    number = np.bincount(segment_ids[segment_ids >= 0], minlength=num_segments)
    return total / np.maximum(number, 1).reshape(-1, *[1] * (total.ndim - 1))


@segment_prod.reference
def _(data: Any, segment_ids: Any, num_segments: int) -> Any:
    return _gathered(np.multiply, 1, wider(data), segment_ids, num_segments)


@segment_max.reference
def _(data: Any, segment_ids: Any, num_segments: int) -> Any:
    lowest = -np.inf if data.dtype.kind == "f" else np.iinfo(data.dtype).min
    return _gathered(np.maximum, lowest, data, segment_ids, num_segments)


@segment_min.reference
def _(data: Any, segment_ids: Any, num_segments: int) -> Any:
    highest = np.inf if data.dtype.kind == "f" else np.iinfo(data.dtype).max
    return _gathered(np.minimum, highest, data, segment_ids, num_segments)


def _members(node: Node) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Which rows belong to a segment, and the function that hands each row what its segment has."""
    data, ids = node.inputs
    member = ops.reshape(ids >= 0, (*ids.shape, *[1] * (data.ndim - ids.ndim)))

    def handed(segments: Tensor) -> Tensor:
        return ops.take(segments, ops.maximum(ids, 0), 0)

    return member, handed


@segment_sum.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    member, handed = _members(node)
    return ops.where(member, handed(dy), 0.0), None


@segment_mean.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    ids = node.inputs[1]
    member, handed = _members(node)
    number = segment_sum(ops.full(ids.shape, 1, "int64"), ids, node.attrs["num_segments"])
    number = ops.cast(ops.maximum(number, 1), dy.dtype)  # complex numbers have no maximum
    number = ops.reshape(number, (dy.shape[0], *[1] * (dy.ndim - 1)))
    return ops.where(member, handed(dy / number), 0.0), None


@segment_prod.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    data, ids = node.inputs
    number = node.attrs["num_segments"]
    member, handed = _members(node)
    zero = data == 0
    zeros = handed(segment_sum(ops.cast(zero, dy.dtype), ids, number))
    # One zero: only it has a slope, the product of the others. Two: none has.
    others = handed(segment_prod(ops.where(zero, 1.0, data), ids, number)) / ops.where(
        zero, 1.0, data
    )
    reached = member & ops.where(zero, zeros == 1.0, zeros == 0.0)
    return ops.where(reached, handed(dy) * others, 0.0), None


@segment_max.vjp
@segment_min.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    data, ids = node.inputs
    member, handed = _members(node)
    reached = member & (data == handed(node.outputs[0]))
    ties = segment_sum(ops.cast(reached, dy.dtype), ids, node.attrs["num_segments"])
    return ops.where(reached, handed(dy / ops.maximum(ties, 1)), 0.0), None


def _samples(
    dtypes: tuple[str, ...], rng: np.random.Generator, extremes: bool = False
) -> Iterator[Sample]:
    def one(data: Any, ids: Any, num_segments: int, label: str) -> Sample:
        # Differences of infinities say nothing.
        empty = set(range(num_segments)) - set(ids.flat)
        smooth = not (extremes and empty)
        return Sample((data, ids, num_segments), label=label, differentiable=smooth)

    ids = np.array([3, 0, 3, 1, 3])
    for dtype in dtypes:
        yield one(array(rng, (5, 2), dtype), ids, 5, dtype)
    left_out = np.array([1, -1, 0, 1, -7], "int32")
    yield one(array(rng, (5, 2)), left_out, 2, "left out")
    yield one(array(rng, (2, 3, 2)), np.array([[0, 2, 0], [1, 1, 2]]), 3, "two axes")
    yield one(array(rng, (5,)), np.array([2, 0, 2, 1, 2]), 3, "numbers")
    yield one(array(rng, (0, 2)), np.zeros((0,), "int64"), 3, "empty")
    yield one(array(rng, (0, 2)), np.zeros((0,), "int64"), 0, "no segments")
    yield one(array(rng, (2, 5)).T, ids, 4, "strided")
    yield one(array(rng, (5000, 33), "float32"), rng.integers(0, 70, 5000), 70, "large")


@segment_sum.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    return _samples(NUMERIC, rng)


@segment_mean.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    return _samples((*FLOATS, *COMPLEX, "int32"), rng)


@segment_prod.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _samples(("float64", "float32", "int32"), rng)
    rows = np.array([[2.0, 0.0], [0.0, 3.0], [4.0, 0.0], [5.0, 6.0], [7.0, 8.0]])
    yield Sample((rows, np.array([0, 0, 0, 1, -1]), 2), label="zeros")


@segment_max.samples
@segment_min.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    return _samples(REALS, rng, extremes=True)


def _rejects() -> Iterator[Reject]:
    data = np.ones((3, 2))
    yield Reject((data, np.array([0, 3, 0]), 3), error=IndexError, match=r"\b3\b")
    yield Reject((data, np.array([0, 1]), 3), match="first sizes of data; reshape segment_ids")
    yield Reject((data, np.array([0, 1, 0]), -1), match="must not be negative")
    yield Reject((data, np.ones(3), 3), error=TypeError, match="int32 or int64.*astype")


for _op in (segment_sum, segment_mean, segment_prod, segment_max, segment_min):
    _op.rejects(_rejects)


def bincount(
    x: TensorLike,
    /,
    weights: TensorLike | None = None,
    *,
    minlength: int = 0,
    length: int | None = None,
) -> Tensor:
    """Count how often each number occurs, or add up the weights of its occurrences.

    Args:
        x: [...], any integer dtype, not negative.
        weights: x's shape, any numeric dtype; None counts.
        minlength: The least size of the result; more if x holds larger numbers.
        length: The size of the result, for graphs, where it cannot depend on the data.

    Returns:
        [length], int64 or the dtype of the weights.

    Raises:
        ValueError: A number is negative; in a graph such numbers are left out.
        IndexError: A number is `length` or more.
        GraphError: x is computed in a graph, and `length` is not given.

    Example:
        >>> penstock.bincount([1, 3, 1])
        Tensor([0, 2, 0, 1], shape=(4,), dtype=int64)
    """
    x = asarray(x)
    if not x.is_symbolic:
        numbers = np.asarray(x)
        if numbers.size and numbers.min() < 0:
            raise InvalidValueError(
                f"[bincount] got the number {numbers.min()}; expected none below 0; subtract the smallest"
            )
        if length is None:
            length = max(minlength, int(numbers.max()) + 1 if numbers.size else 0)
    if length is None:
        raise GraphError(
            "[bincount] the largest number is not known while a graph is built; give length=..."
        )
    counted = ops.full(x.shape, 1, "int64") if weights is None else asarray(weights)
    return segment_sum(counted, x, length)
