"""Rows of batches by number, the beginnings of sequences, and what was taken for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops._attention_gradients import numbers
from penstock.ops.conversion import asarray
from penstock.ops.shaping import normalise_axes

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, TensorLike


def sequence_mask(lengths: TensorLike, maxlen: int, *, dtype: DTypeLike = "bool") -> Tensor:
    """Mark the first elements of sequences.

    Args:
        lengths: [...], how many elements to mark, any integer dtype.
        maxlen: The length of the longest sequence.
        dtype: Of the result.

    Returns:
        [..., maxlen], of `dtype`: true where the position is below the length.

    Raises:
        ValueError: `maxlen` is negative.

    Example:
        >>> penstock.sequence_mask([1, 3], 3, dtype="int32")
        Tensor([[1, 0, 0],
                [1, 1, 1]], shape=(2, 3), dtype=int32)
    """
    if maxlen < 0:
        raise InvalidValueError(f"[sequence_mask] got maxlen={maxlen}; it must not be negative")
    return ops.astype(numbers(maxlen) < ops.expand_dims(ops.cast(lengths, "int64"), -1), dtype)


def gather(
    x: TensorLike, indices: TensorLike, axis: int | None = None, *, batch_dims: int = 0
) -> Tensor:
    """Take slices along an axis, from each batch its own.

    Args:
        x: [*batch, *before, n, *behind], any dtype.
        indices: [*batch, *taken], any integer dtype; negative ones count from the end.
        axis: Where n is; None for the first axis behind the batch.
        batch_dims: How many leading axes are the batch.

    Returns:
        [*batch, *before, *taken, *behind], of x's dtype.

    Raises:
        IndexError: An index is out of range, or x has no such axis.
        ValueError: `axis` lies within the batch, or the batches differ.

    Example:
        >>> penstock.gather([[1, 2, 3], [4, 5, 6]], [[2], [0]], batch_dims=1)
        Tensor([[3],
                [4]], shape=(2, 1), dtype=int64)
    """
    x, indices = asarray(x), asarray(indices)
    (at,) = normalise_axes("gather", batch_dims if axis is None else axis, x.ndim)
    if batch_dims == 0:
        return ops.take(x, indices, axis=at)
    if not 0 <= batch_dims <= min(at, indices.ndim):
        raise ShapeError(
            f"[gather] got batch_dims={batch_dims}, axis={at} and indices of shape {indices.shape}; the axis must not "
            "lie within the batch, and the indices must have it"
        )
    batch, taken = x.shape[:batch_dims], indices.shape[batch_dims:]
    rows = ops.flatten(
        ops.moveaxis(x, at, batch_dims), 0, batch_dims
    )  # [batch · n, *before, *behind]
    size = x.shape[at]
    count = ops.cast(indices, "int64")
    count = ops.where(count < 0, count + ops.size_of([size], "int64"), count)
    inside = (count >= 0) & (count < ops.size_of([size], "int64"))
    total = rows.shape[0]
    first = ops.reshape(
        numbers(total // size) * ops.size_of([size], "int64"), (*batch, *[1] * len(taken))
    )
    # What is out of range in its own row must not read the next one: it goes past the end of all.
    place = ops.where(inside, count + first, ops.size_of([total], "int64"))
    made = ops.take(rows, place, axis=0)
    before = at - batch_dims
    lead = batch_dims + len(taken)
    order = [
        *range(batch_dims),
        *range(lead, lead + before),
        *range(batch_dims, lead),
        *range(lead + before, made.ndim),
    ]
    return ops.transpose(made, order) if before else made


def confusion_matrix(
    labels: TensorLike,
    predictions: TensorLike,
    num_classes: int,
    weights: TensorLike | None = None,
    *,
    dtype: DTypeLike = "int32",
) -> Tensor:
    """Count how often each class was taken for each other.

    Args:
        labels: [n], the right classes, any integer dtype.
        predictions: [n], the classes that were chosen.
        num_classes: How many classes there are.
        weights: [n], what each counts; None for 1.
        dtype: Of the result.

    Returns:
        [num_classes, num_classes], of `dtype`; rows are labels.

    Raises:
        IndexError: A number is no class.
        ValueError: The shapes differ.

    Example:
        >>> penstock.nn.confusion_matrix([0, 1, 1], [0, 0, 1], 2)
        Tensor([[1, 0],
                [1, 1]], shape=(2, 2), dtype=int32)
    """
    pairs = ops.stack([ops.cast(labels, "int64"), ops.cast(predictions, "int64")], -1)
    each = (
        ops.ones(pairs.shape[:1], dtype) if weights is None else ops.astype(asarray(weights), dtype)
    )
    return ops.scatter_nd(pairs, each, (num_classes, num_classes))
