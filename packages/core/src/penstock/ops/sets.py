"""The different elements of a tensor, with the names and the results of the array API."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penstock import ops
from penstock.ops.conversion import asarray
from penstock.ops.selecting import found_once

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: TensorLike, /, *, size: int | None = None) -> UniqueAll:
    """Find the different elements, where each occurs first, which one each element is, and how often each occurs.

    Every NaN is an element of its own; in `unique` all are one.

    Args:
        x: [...], any dtype but string.
        size: How many there are; None counts them, outside graphs. With it all NaN are one element.

    Returns:
        (values, indices, inverse_indices, counts): [n] of x's dtype, [n], x's shape, [n], int64.

    Raises:
        TypeError: x is a string tensor.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> penstock.unique_all([3, 1, 3]).inverse_indices
        Tensor([1, 0, 1], shape=(3,), dtype=int64)
    """
    x = asarray(x)
    values, first, places, counts = found_once("unique_all", x, size)
    if size is None and x.dtype.kind in ("float", "complex"):
        return _with_every_nan(x, values, first, places, counts)
    return UniqueAll(values, first, places, counts)


def unique_counts(x: TensorLike, /, *, size: int | None = None) -> UniqueCounts:
    """Find the different elements, and how often each occurs; see `unique_all`.

    Args:
        x: [...], any dtype but string.
        size: How many there are; None counts them, outside graphs.

    Returns:
        (values, counts): [n] of x's dtype, [n] int64.

    Raises:
        TypeError: x is a string tensor.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> penstock.unique_counts([3, 1, 3]).counts
        Tensor([1, 2], shape=(2,), dtype=int64)
    """
    found = unique_all(x, size=size)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: TensorLike, /, *, size: int | None = None) -> UniqueInverse:
    """Find the different elements, and for each element its place among them; see `unique_all`.

    Args:
        x: [...], any dtype but string.
        size: How many there are; None counts them, outside graphs.

    Returns:
        (values, inverse_indices): [n] of x's dtype, and x's shape, int64.

    Raises:
        TypeError: x is a string tensor.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> penstock.unique_inverse([3, 1, 3]).inverse_indices
        Tensor([1, 0, 1], shape=(3,), dtype=int64)
    """
    found = unique_all(x, size=size)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: TensorLike, /, *, size: int | None = None) -> Tensor:
    """Find the different elements, rising; see `unique_all`.

    Args:
        x: [...], any dtype but string.
        size: How many there are; None counts them, outside graphs.

    Returns:
        [n], of x's dtype.

    Raises:
        TypeError: x is a string tensor.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> penstock.unique_values([3, 1, 3])
        Tensor([1, 3], shape=(2,), dtype=int64)
    """
    return unique_all(x, size=size).values


def _with_every_nan(
    x: Tensor, values: Tensor, first: Tensor, places: Tensor, counts: Tensor
) -> UniqueAll:
    """Make every NaN an element of its own, as the standard wants it: NaN equals nothing, not even itself."""
    flat = ops.reshape(x, (-1,))
    (missing,) = ops.nonzero(flat != flat)
    number = int(missing.shape[0])
    if number < 2:
        return UniqueAll(values, first, places, counts)
    last = int(values.shape[0]) - 1
    values = ops.concat([values[:last], ops.take(flat, missing)])
    first = ops.concat([first[:last], missing])
    counts = ops.concat([counts[:last], ops.full((number,), 1, "int64")])
    new = ops.arange(last, last + number)
    places = ops.scatter(ops.reshape(places, (-1,)), missing, new)
    return UniqueAll(values, first, ops.reshape(places, x.shape), counts)
