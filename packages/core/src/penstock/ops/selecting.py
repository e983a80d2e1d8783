"""Elements chosen by a condition: where it holds, and each value once.

How many there are depends on the data. A graph must know sizes, so there `size` has to be given.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import AxisError, GraphError
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._gradients import INDICES
from penstock.ops._samples import REALS, array
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="nonzero")
def nonzero_(x: TensorLike, size: int, fill: int = 0) -> Tensor:
    """Find the first `size` elements that are not zero, in row-major order.

    Args:
        x: [...], at least one axis, any dtype but string.
        size: How many to find.
        fill: What stands in place of those that are missing.

    Returns:
        [ndim, size], int64: the position along each axis.

    Raises:
        ValueError: x is a single number, or `size` is negative.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.ops.nonzero_([[0, 7], [8, 0]], 3, -1)
        Tensor([[ 0,  1, -1],
                [ 1,  0, -1]], shape=(2, 3), dtype=int64)
    """


nonzero_.not_differentiable(INDICES)


@nonzero_.reference
def _(x: Any, size: int, fill: int) -> Any:
    found = np.stack(np.nonzero(x))[:, :size]
    missing = size - found.shape[1]
    return np.pad(found, ((0, 0), (0, missing)), constant_values=fill)


@nonzero_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*REALS, "bool", "complex64"):
        yield Sample((array(rng, (3, 4), dtype, -1, 1) * (array(rng, (3, 4)) > 0), 5), label=dtype)
    flags = array(rng, (2, 3, 4), "bool")
    for size in (0, 3, 30):
        yield Sample((flags, size, -1), label=f"size {size}")
    special = np.array([0.0, -0.0, np.nan, np.inf, 1e-45], "float32")
    yield Sample((special, 5), label="special")
    yield Sample((np.zeros((0, 3)), 2), label="empty")
    yield Sample((array(rng, (3, 4), "bool").T, 12), label="strided")
    yield Sample((array(rng, (37, 4099), "bool"), 80_000), label="large")


@nonzero_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.float64(1), 1), match="at least 1 axis; reshape it")
    yield Reject((np.ones(3), -1), match="must not be negative")


@op(infer="unique", outputs=4)
def unique_(x: TensorLike, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Find the `size` smallest different elements of a flattened tensor; all NaN are one element.

    Args:
        x: [...], any dtype but string.
        size: How many to find. Missing ones repeat the first, with a count of 0.

    Returns:
        The elements, rising; where each occurs first in the flattened tensor; for each element of x its place among
        them; how often each occurs. The last three are int64.

    Raises:
        ValueError: `size` is negative.
        TypeError: x is a string tensor.

    Example:
        >>> values, first, places, counts = penstock.ops.unique_([3, 1, 3], 2)
        >>> [t.tolist() for t in (values, first, places, counts)]
        [[1, 3], [1, 0], [1, 0, 1], [1, 2]]
    """


unique_.not_differentiable("which elements are equal changes in jumps")


@unique_.reference
def _(x: Any, size: int) -> Any:
    values, first, places, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True
    )
    return (
        _sized(values, size, values[0] if values.size else 0),
        _sized(first, size, first[0] if values.size else 0),
        places.reshape(x.shape),
        _sized(counts, size, 0),
    )


def _sized(values: Any, size: int, fill: Any) -> Any:
    missing = max(size - len(values), 0)
    return np.concatenate([values[:size], np.full(missing, fill, values.dtype)])


@unique_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*REALS, "bool", "complex64"):
        yield Sample(
            (
                array(rng, (3, 7), dtype)
                if dtype == "bool"
                else np.round(array(rng, (3, 7), dtype)),
                4,
            ),
            label=dtype,
        )
    yield Sample((np.round(array(rng, (3, 7))), 9), label="too many")
    special = np.array([np.nan, np.inf, np.nan, -np.inf, 0.0, 0.0])
    yield Sample((special, 5), label="special")
    yield Sample((np.zeros((0,)), 2), label="empty")
    yield Sample((array(rng, ()), 1), label="0-d")
    yield Sample((np.round(array(rng, (4, 6))).T, 6), label="strided")


@unique_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), -1), match="must not be negative")
    yield Reject((np.array([b"a"], object), 1), error=TypeError, match="got string")


def size_of(name: str, x: Tensor, size: int | None, count: Any) -> int:
    """The number of elements asked for; without one, that of the data, which a graph does not know."""
    if size is not None:
        return size
    if x.is_symbolic:
        raise GraphError(
            f"[{name}] how many elements there are depends on the data, and is not known while a graph is built; "
            "give size=..., or call it outside"
        )
    return int(count(np.asarray(x)))


def found_once(name: str, x: Tensor, size: int | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What `unique_` finds; without a size all elements, of which the missing ones are cut off after one search."""
    if size is not None or x.is_symbolic:
        return unique_(x, size_of(name, x, size, None))
    values, first, places, counts = unique_(x, np.asarray(x).size)
    found = int(np.count_nonzero(np.asarray(counts)))
    return values[:found], first[:found], places, counts[:found]


def nonzero(
    x: TensorLike, /, *, size: int | None = None, fill_value: int = 0
) -> tuple[Tensor, ...]:
    """Find the elements that are not zero (NaN is not), in row-major order.

    Args:
        x: [...], at least one axis, any dtype but string.
        size: How many to find; None finds all, outside graphs.
        fill_value: What stands in place of those that are missing.

    Returns:
        For each axis the positions along it: [size], int64.

    Raises:
        ValueError: x is a single number, or `size` is negative.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> rows, columns = penstock.nonzero([[0, 7], [8, 0]])
        >>> rows.tolist(), columns.tolist()
        ([0, 1], [1, 0])
    """
    x = asarray(x)
    found = nonzero_(x, size_of("nonzero", x, size, np.count_nonzero), fill_value)
    return tuple(found[axis] for axis in range(x.ndim))


def argwhere(x: TensorLike, /, *, size: int | None = None, fill_value: int = 0) -> Tensor:
    """Find the coordinates of the elements that are not zero, in row-major order.

    Args:
        x: [...], at least one axis, any dtype but string.
        size: How many to find; None finds all, outside graphs.
        fill_value: What stands in place of those that are missing.

    Returns:
        [size, ndim], int64: what `gather_nd` wants.

    Raises:
        ValueError: x is a single number, or `size` is negative.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> penstock.argwhere([[0, 7], [8, 0]])
        Tensor([[0, 1],
                [1, 0]], shape=(2, 2), dtype=int64)
    """
    x = asarray(x)
    count = size_of("argwhere", x, size, np.count_nonzero)
    return ops.transpose(nonzero_(x, count, fill_value))


def unique(
    x: TensorLike,
    /,
    *,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    size: int | None = None,
) -> Any:
    """Find the different elements of a tensor, rising; all NaN are one element.

    Args:
        x: [...], any dtype but string.
        return_index: Also return where each occurs first in the flattened tensor.
        return_inverse: Also return, for each element of x, its place among the different ones.
        return_counts: Also return how often each occurs.
        size: How many to find, the smallest; missing ones repeat the first, with a count of 0. None finds all,
            outside graphs.

    Returns:
        [size], of x's dtype; or a tuple of it and what else was asked for, int64.

    Raises:
        ValueError: `size` is negative.
        TypeError: x is a string tensor.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> penstock.unique([3, 1, 3])
        Tensor([1, 3], shape=(2,), dtype=int64)
    """
    x = asarray(x)
    results = found_once("unique", x, size)
    wanted = (True, return_index, return_inverse, return_counts)
    chosen = tuple(result for result, want in zip(results, wanted, strict=True) if want)
    return chosen if len(chosen) > 1 else chosen[0]


def boolean_mask(x: TensorLike, mask: TensorLike, /, *, size: int | None = None) -> Tensor:
    """Keep the elements for which a mask is true; also written x[mask].

    Args:
        x: [...], any dtype.
        mask: The first sizes of x, bool.
        size: How many to keep; where the mask has fewer, x's first element stands. None keeps all, outside graphs.

    Returns:
        [size], then the other axes of x, of x's dtype.

    Raises:
        ValueError: The mask has no axis.
        IndexError: The mask's sizes are not the first of x.
        GraphError: The mask is computed in a graph, and `size` is not given.

    Example:
        >>> penstock.boolean_mask([1, 2, 3], [True, False, True])
        Tensor([1, 3], shape=(2,), dtype=int64)
    """
    x, mask = asarray(x), asarray(mask)
    if mask.ndim > x.ndim or any(m != n for m, n in zip(mask.shape, x.shape, strict=False)):
        raise AxisError(
            f"[boolean_mask] got a mask of shape {mask.shape} for x of shape {x.shape}; expected the first sizes "
            "of x; reshape the mask"
        )
    return ops.gather_nd(x, argwhere(mask, size=size_of("boolean_mask", mask, size, np.sum)))
