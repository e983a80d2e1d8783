"""Order: sorting, the largest elements, and places in a sorted sequence.

Everywhere NaN counts as the largest number, as in NumPy, and -0 equals 0.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch, _batch_indexing
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import INDICES
from penstock.ops._samples import REALS, array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="sort")
def sort(x: TensorLike, axis: int = -1, *, descending: bool = False, stable: bool = True) -> Tensor:
    """Sort along an axis; NaN counts as the largest number.

    Args:
        x: [...], any real dtype.
        axis: The axis to sort along.
        descending: Largest first, so NaN first.
        stable: Equal elements keep their order. They always do; the argument is the array API's.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.sort([3.0, 1.0, 2.0])
        Tensor([1., 2., 3.], shape=(3,), dtype=float32)
    """


sort.batch(_batch.one_axis)


@op(infer="argsort")
def argsort(
    x: TensorLike, axis: int = -1, *, descending: bool = False, stable: bool = True
) -> Tensor:
    """Find the positions that sort along an axis; equal elements keep their order, NaN counts as the largest number.

    Args:
        x: [...], any real dtype.
        axis: The axis to sort along.
        descending: Largest first, so NaN first; equal elements keep their order here too.
        stable: Equal elements keep their order. They always do; the argument is the array API's.

    Returns:
        x's shape, int64: `take_along_axis(x, argsort(x, axis), axis)` is `sort(x, axis)`.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.argsort([3.0, 1.0, 2.0])
        Tensor([1, 2, 0], shape=(3,), dtype=int64)
    """


argsort.batch(_batch.one_axis)


def _order(x: Any, axis: int, descending: bool) -> Any:
    if not descending:
        return np.argsort(x, axis, kind="stable")
    # Turned round twice, so that equal elements keep their order.
    backwards = np.argsort(np.flip(x, axis), axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(backwards, axis)


@sort.reference
def _(x: Any, axis: int, descending: bool, stable: bool) -> Any:
    return np.take_along_axis(x, _order(x, axis, descending), axis)


@argsort.reference
def _(x: Any, axis: int, descending: bool, stable: bool) -> Any:
    return _order(x, axis, descending)


argsort.not_differentiable(INDICES)


@sort.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    axis = node.attrs["axis"]
    order = argsort(x, axis, descending=node.attrs["descending"])
    zeros = ops.full(x.shape, 0, dy.dtype)
    return (ops.put_along_axis(zeros, order, dy, axis, mode="add"),)


@sort.samples
@argsort.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in REALS:
        yield Sample((array(rng, (3, 40), dtype),), label=dtype)
        yield Sample((array(rng, (3, 40), dtype),), {"descending": True}, label=f"{dtype} down")
    yield Sample((array(rng, (2, 5, 3)), 1), label="middle axis")
    yield Sample((array(rng, (5, 3)), -2), {"descending": True}, label="first axis, down")
    flawed = np.array([0.0, np.nan, -np.inf, -0.0, np.inf, np.nan, 0.0, -0.0], "float32")
    for descending in (False, True):
        flags = {"descending": descending}
        yield Sample((flawed,), flags, label=f"special {descending}", differentiable=False)
        yield Sample((array(rng, (3, 4099), "float32"),), flags, label=f"large {descending}")
    yield Sample((array(rng, (3, 0)),), label="empty")
    yield Sample((array(rng, (0, 3)),), label="no rows")
    yield Sample((array(rng, (4, 6)).T,), label="strided")


@sort.rejects
@argsort.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), 2), error=IndexError, match="use -2 to 1")
    yield Reject((np.ones(2, "complex64"),), error=TypeError, match="take the real part")
    yield Reject((np.float32(1),), error=IndexError, match="it has no axes")


@op(infer="top_k", outputs=2)
def top_k(x: TensorLike, k: int, axis: int = -1, *, largest: bool = True) -> tuple[Tensor, Tensor]:
    """Find the k largest elements along an axis and their positions, largest first.

    Of equal elements the one with the lower position comes first. NaN counts as the largest number.

    Args:
        x: [...], any real dtype.
        k: How many; at most the size of the axis.
        axis: The axis to search.
        largest: False finds the smallest, smallest first.

    Returns:
        The elements, of x's dtype, and their positions, int64: x's shape with k in place of the axis.

    Raises:
        IndexError: x has no such axis.
        ValueError: k is negative or exceeds the size of the axis.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> values, positions = penstock.top_k([1.0, 5.0, 3.0, 5.0], 2)
        >>> values
        Tensor([5., 5.], shape=(2,), dtype=float32)
        >>> positions
        Tensor([1, 3], shape=(2,), dtype=int64)
    """


top_k.batch(_batch.one_axis)


@top_k.reference
def _(x: Any, k: int, axis: int, largest: bool) -> Any:
    order = np.take(_order(x, axis, largest), np.arange(k), axis)
    return np.take_along_axis(x, order, axis), order


@top_k.vjp
def _(node: Node, dvalues: Tensor | None, dpositions: Tensor | None) -> Gradients:
    (x,) = node.inputs
    if dvalues is None:
        return (None,)
    zeros = ops.full(x.shape, 0, dvalues.dtype)
    return (ops.put_along_axis(zeros, node.outputs[1], dvalues, node.attrs["axis"], mode="add"),)


@top_k.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in REALS:
        yield Sample((array(rng, (3, 40), dtype), 5), label=dtype)
        yield Sample(
            (array(rng, (3, 40), dtype), 30), {"largest": False}, label=f"{dtype} smallest"
        )
    yield Sample((array(rng, (2, 5, 3)), 2, 1), label="middle axis")
    flawed = np.array([0.0, np.nan, -np.inf, -0.0, np.inf, np.nan, 0.0, -0.0], "float32")
    yield Sample((flawed, 5), label="special")
    yield Sample((flawed, 8), {"largest": False}, label="special, smallest")
    for k in (1, 100, 4099):
        yield Sample((array(rng, (3, 4099), "float32"), k), label=f"large, {k}")
    yield Sample((array(rng, (3, 4)), 0), label="none")
    yield Sample((array(rng, (0, 3)), 2), label="empty")
    yield Sample((array(rng, (4, 6)).T, 2), label="strided")


@top_k.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), 4), match="got k=4.*use 0 to 3")
    yield Reject((np.ones(3), -1), match="got k=-1.*use 0 to 3")
    yield Reject((np.ones(3), 1, 1), error=IndexError, match="use -1 to 0")
    yield Reject((np.ones(3, bool), 1), error=TypeError, match="got bool.*astype")


@op(infer="searchsorted", name="searchsorted")
def searchsorted_(
    sorted_sequence: TensorLike, values: TensorLike, /, *, side: str = "left"
) -> Tensor:
    """Find where values would have to be inserted to keep a sequence sorted.

    Args:
        sorted_sequence: [n] or [..., n], any real dtype, rising along the last axis.
        values: [...], or [..., m] when there are several sequences, with their leading sizes.
        side: "left" counts the elements below each value, "right" also those equal to it.

    Returns:
        The shape of `values`, int64, from 0 to n.

    Raises:
        ValueError: The shapes do not fit, or the side is neither of these.
        TypeError: The dtypes do not promote, or are boolean or complex.

    Example:
        >>> penstock.searchsorted([1.0, 3.0, 5.0], [0.0, 3.0, 9.0])
        Tensor([0, 1, 3], shape=(3,), dtype=int64)
    """


searchsorted_.batch(_batch_indexing.searched)


searchsorted_.not_differentiable(INDICES)


@searchsorted_.reference
def _(sorted_sequence: Any, values: Any, side: Any) -> Any:
    if sorted_sequence.ndim == 1:
        return np.searchsorted(sorted_sequence, values, side)
    found = np.empty(values.shape, "int64")
    for row in np.ndindex(values.shape[:-1]):
        found[row] = np.searchsorted(sorted_sequence[row], values[row], side)
    return found


@searchsorted_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for side in ("left", "right"):
        for dtype in REALS:
            pair = np.sort(array(rng, (30,), dtype)), array(rng, (3, 4), dtype)
            yield Sample(pair, {"side": side}, label=f"{dtype} {side}")
        special = np.array([-np.inf, -0.0, 0.0, 1.0, np.inf, np.nan, np.nan])
        yield Sample((special, np.roll(special, 2)), {"side": side}, label=f"special {side}")
    rows = np.sort(array(rng, (2, 3, 7))), array(rng, (2, 3, 4))
    yield Sample(rows, label="rows")
    yield Sample((array(rng, (0,)), array(rng, (3,))), label="in nothing")
    yield Sample((np.sort(array(rng, (5,))), array(rng, (0,))), label="empty")
    yield Sample((np.sort(array(rng, (5,))), array(rng, ())), label="0-d")
    large = np.sort(array(rng, (4099,), "float32")), array(rng, (30, 999), "float32")
    yield Sample(large, label="large")


@searchsorted_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), np.ones(1)), {"side": "up"}, match='use "left" or "right"')
    yield Reject((np.ones((2, 3)), np.ones((3, 3))), match="expected one sequence.*reshape one")
    yield Reject((np.float64(1), np.ones(1)), match="at least 1 axis; reshape it")
    yield Reject((np.ones(3, bool), np.ones(3, bool)), error=TypeError, match="got bool.*astype")


def searchsorted(
    sorted_sequence: TensorLike,
    values: TensorLike,
    /,
    *,
    side: str = "left",
    sorter: TensorLike | None = None,
) -> Tensor:
    """Find where values would have to be inserted to keep a sequence sorted.

    Args:
        sorted_sequence: [n] or [..., n], any real dtype, rising along the last axis.
        values: [...], or [..., m] when there are several sequences, with their leading sizes.
        side: "left" counts the elements below each value, "right" also those equal to it.
        sorter: [n] or [..., n], integers that sort the sequence, as from `argsort`; then it need not be sorted itself.

    Returns:
        The shape of `values`, int64, from 0 to n.

    Raises:
        ValueError: The shapes do not fit, or the side is neither of these.
        TypeError: The dtypes do not promote, or are boolean or complex.

    Example:
        >>> penstock.searchsorted([1.0, 3.0, 5.0], [0.0, 3.0, 9.0])
        Tensor([0, 1, 3], shape=(3,), dtype=int64)
    """
    if sorter is not None:
        sorted_sequence = ops.take_along_axis(sorted_sequence, sorter, -1)
    return searchsorted_(sorted_sequence, values, side=side)
