"""Reductions: sums, means, extremes, and where the extremes are."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import BOOLEAN, INDICES, count, like_input
from penstock.ops._samples import COMPLEX, FLOATS, NUMERIC, REALS, array, bad_axis, reduction

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Axis, DTypeLike, TensorLike

# References add up in a wider dtype, so that what is compared with them is their error alone.
_WIDER = {"float16": "float32", "float32": "float64", "complex64": "complex128"}


def wider(x: Any) -> Any:
    """Convert an array to the dtype in which references accumulate."""
    return x.astype(_WIDER.get(x.dtype.name, x.dtype), copy=False)


@op(infer="reduce:sum")
def sum(
    x: TensorLike,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """Add up along axes. The order is fixed, so the bits do not depend on the number of threads.

    Args:
        x: [...], any dtype but string.
        axis: What to sum over; None for everything.
        keepdims: Keep the reduced axes, with size 1.
        dtype: What to convert to first, a numeric dtype; by default as below.

    Returns:
        x's shape without the reduced axes. Floats and complex numbers keep their dtype; booleans and small
        integers become int64 (unsigned: uint64). The sum of nothing is 0.

    Raises:
        IndexError: x has no such axis.
        ValueError: An axis is given twice.
        TypeError: x is a string tensor, or `dtype` is not numeric, or is real and x complex.

    Example:
        >>> penstock.sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
        Tensor([4., 6.], shape=(2,), dtype=float32)
    """


sum.jvp(_tangents.linear)


@sum.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from reduction((*NUMERIC, "bool"))(rng)
    for source, target in (("int8", "float64"), ("float32", "float64"), ("int32", "int16")):
        given = array(rng, (3, 4), source)
        yield Sample((given, 1), {"dtype": target}, label=f"{source} in {target}")


sum.batch(_batch.one_axis)


@sum.reference
def _(x: Any, axis: Any, keepdims: bool, dtype: Any = None) -> Any:
    return np.sum(wider(x), axis, keepdims=keepdims)


@sum.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (ops.broadcast_to(like_input(dy, node), node.inputs[0].shape),)


@sum.rejects
def _() -> Iterator[Reject]:
    yield from bad_axis()
    yield Reject((np.ones((2, 3)), (0, -2)), match="twice")
    yield Reject((np.array([b"a"], object),), error=TypeError, match="got string")
    yield Reject((np.ones(2),), {"dtype": "bool"}, error=TypeError, match="leave dtype out")
    narrow = {"dtype": "float32"}
    yield Reject((np.ones(2, "complex64"),), narrow, error=TypeError, match="a complex dtype")


@op(infer="reduce:float")
def mean(x: TensorLike, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Average along axes.

    Args:
        x: [...], any numeric dtype or bool; integers and booleans are taken as float32.
        axis: What to average over; None for everything.
        keepdims: Keep the reduced axes, with size 1.

    Returns:
        x's shape without the reduced axes, of x's dtype or float32. The mean of nothing is NaN.

    Raises:
        IndexError: x has no such axis.
        ValueError: An axis is given twice.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.mean([[1.0, 2.0], [3.0, 4.0]], axis=-1)
        Tensor([1.5, 3.5], shape=(2,), dtype=float32)
    """


mean.jvp(_tangents.linear)


mean.samples(reduction())
mean.rejects(bad_axis)


mean.batch(_batch.one_axis)


@mean.reference
def _(x: Any, axis: Any, keepdims: bool) -> Any:
    total = np.sum(wider(x), axis, keepdims=keepdims)
    return total / (x.size / total.size if total.size else 1)


@mean.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    axis = node.attrs["axis"]
    reduced = x.shape if axis is None else [x.shape[a] for a in axis]
    dx = like_input(dy / count(reduced, dy.dtype), node)
    return (ops.broadcast_to(dx, x.shape),)


@op(infer="reduce:real")
def max(x: TensorLike, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Take the largest element along axes; NaN if there is one. Ties share the gradient equally.

    Args:
        x: [...], any real dtype.
        axis: What to search; None for everything.
        keepdims: Keep the reduced axes, with size 1.

    Returns:
        x's shape without the reduced axes, of x's dtype.

    Raises:
        IndexError: x has no such axis.
        ValueError: An axis is given twice, or there is nothing to take the maximum of.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.max([[1.0, 5.0], [3.0, 4.0]], axis=1)
        Tensor([5., 4.], shape=(2,), dtype=float32)
    """


max.samples(reduction(REALS, empty=False))


max.batch(_batch.one_axis)


@max.reference
def _(x: Any, axis: Any, keepdims: bool) -> Any:
    return np.max(x, axis, keepdims=keepdims)


@max.rejects
def _() -> Iterator[Reject]:
    yield from bad_axis()
    yield Reject((np.ones((0, 3)), 0), match="no elements|zero-size|empty")


@op(infer="reduce:real")
def min(x: TensorLike, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Take the smallest element along axes; NaN if there is one. Ties share the gradient equally.

    Args:
        x: [...], any real dtype.
        axis: What to search; None for everything.
        keepdims: Keep the reduced axes, with size 1.

    Returns:
        x's shape without the reduced axes, of x's dtype.

    Raises:
        IndexError: x has no such axis.
        ValueError: An axis is given twice, or there is nothing to take the minimum of.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.min([[1.0, 5.0], [3.0, 4.0]], axis=1)
        Tensor([1., 3.], shape=(2,), dtype=float32)
    """


min.samples(reduction(REALS, empty=False))
min.rejects(bad_axis)


min.batch(_batch.one_axis)


@min.reference
def _(x: Any, axis: Any, keepdims: bool) -> Any:
    return np.min(x, axis, keepdims=keepdims)


@max.vjp
@min.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    hit = x == like_input(node.outputs[0], node)
    ties = ops.sum(ops.cast(hit, dy.dtype), node.attrs["axis"], keepdims=True)
    return (ops.where(hit, like_input(dy, node) / ties, 0.0),)


@op(infer="reduce:sum")
def prod(
    x: TensorLike,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """Multiply along axes.

    The gradient and its gradient are exact also where elements are zero; third derivatives need not be.

    Args:
        x: [...], any dtype but string.
        axis: What to multiply over; None for everything.
        keepdims: Keep the reduced axes, with size 1.
        dtype: What to convert to first, a numeric dtype; by default as below.

    Returns:
        x's shape without the reduced axes, of the dtype that `sum` would have. The product of nothing is 1.

    Raises:
        IndexError: x has no such axis.
        ValueError: An axis is given twice.
        TypeError: x is a string tensor, or `dtype` is not numeric, or is real and x complex.

    Example:
        >>> penstock.prod([[1.0, 2.0], [3.0, 4.0]], axis=0)
        Tensor([3., 8.], shape=(2,), dtype=float32)
    """


prod.rejects(bad_axis)


prod.batch(_batch.one_axis)


@prod.reference
def _(x: Any, axis: Any, keepdims: bool, dtype: Any = None) -> Any:
    return np.prod(wider(x), axis, keepdims=keepdims)


@prod.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    axis = node.attrs["axis"]
    zero = x == 0
    zeros = ops.sum(zero, axis, keepdims=True)
    nonzero = ops.where(zero, 1.0, x)
    rest = ops.prod(nonzero, axis, keepdims=True)  # of all elements but the zeros
    # The other zeros are written down too, though they make 0: the second derivative sees them.
    nought = ops.where(zero, x, 0.0)
    noughts = ops.sum(nought, axis, keepdims=True)
    for_zero = ops.where(zeros == 1, 1.0, ops.where(zeros == 2, noughts - nought, 0.0))
    for_others = ops.where(zeros == 0, 1.0, ops.where(zeros == 1, noughts, 0.0))
    others = ops.where(zero, rest * for_zero, rest / nonzero * for_others)
    return (like_input(dy, node) * others,)


@prod.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from reduction(FLOATS + COMPLEX, 0.9, 1.1)(rng)
    yield Sample((array(rng, (3, 4), "int32"),), label="int32")
    zeros = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0], [1.0, 2.0, 3.0]])
    yield Sample((zeros, 1), label="zeros")


@op(infer="reduce:real_float")
def logsumexp(x: TensorLike, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Take the logarithm of the sum of exponentials along axes, without overflow: y = log Σ eˣ.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        axis: What to sum over; None for everything.
        keepdims: Keep the reduced axes, with size 1.
        dtype: What to convert to first, a numeric dtype; by default as below.

    Returns:
        x's shape without the reduced axes, of x's dtype or float32. For nothing it is -infinity.

    Raises:
        IndexError: x has no such axis.
        ValueError: An axis is given twice.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.logsumexp([1000.0, 0.0])
        Tensor(1000., shape=(), dtype=float32)
    """


logsumexp.rejects(bad_axis)
logsumexp.batch(_batch.one_axis)


@logsumexp.reference
def _(x: Any, axis: Any, keepdims: bool) -> Any:
    x = wider(x)
    axes = None if axis is None else tuple(axis)
    largest = np.max(x, axes, keepdims=True, initial=-np.inf)
    largest = np.where(np.isfinite(largest), largest, 0)
    y = np.log(np.sum(np.exp(x - largest), axes, keepdims=True)) + largest
    return y if keepdims else np.squeeze(y, tuple(range(x.ndim)) if axes is None else axes)


@logsumexp.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    y = like_input(node.outputs[0], node)
    shifted = x - ops.where(ops.isfinite(y), y, 0.0)  # of -infinity alone the weights are 0
    return (like_input(dy, node) * ops.exp(shifted),)


@logsumexp.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from reduction((*REALS, "bool"))(rng)
    far = np.array([[1e4, 1e4, -1e4], [-np.inf, 0.0, 1.0], [-np.inf, -np.inf, -np.inf]])
    yield Sample((far, 1), label="far out", differentiable=False)


@op(infer="reduce:bool")
def any(x: TensorLike, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Say whether at least one element along axes is true (other dtypes: not zero).

    Args:
        x: [...], any dtype but string.
        axis: What to search; None for everything.
        keepdims: Keep the reduced axes, with size 1.

    Returns:
        x's shape without the reduced axes, bool. For nothing it is False.

    Raises:
        IndexError: x has no such axis.
        ValueError: An axis is given twice.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.any([[True, False], [False, False]], axis=1)
        Tensor([ True, False], shape=(2,), dtype=bool)
    """


any.not_differentiable(BOOLEAN)
any.samples(reduction(("bool", "float32", "int8")))
any.rejects(bad_axis)


any.batch(_batch.one_axis)


@any.reference
def _(x: Any, axis: Any, keepdims: bool) -> Any:
    return np.any(x, axis, keepdims=keepdims)


@op(infer="reduce:bool")
def all(x: TensorLike, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Say whether every element along axes is true (other dtypes: not zero).

    Args:
        x: [...], any dtype but string.
        axis: What to search; None for everything.
        keepdims: Keep the reduced axes, with size 1.

    Returns:
        x's shape without the reduced axes, bool. For nothing it is True.

    Raises:
        IndexError: x has no such axis.
        ValueError: An axis is given twice.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.all([[True, False], [True, True]], axis=1)
        Tensor([False,  True], shape=(2,), dtype=bool)
    """


all.not_differentiable(BOOLEAN)
all.samples(reduction(("bool", "float32", "int8")))
all.rejects(bad_axis)


all.batch(_batch.one_axis)


@all.reference
def _(x: Any, axis: Any, keepdims: bool) -> Any:
    return np.all(x, axis, keepdims=keepdims)


def _positions(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in REALS:
        yield Sample((array(rng, (3, 4), dtype), 1), label=dtype)
    yield Sample((array(rng, (3, 4)),), label="flattened")
    yield Sample((array(rng, (3, 4)),), {"keepdims": True}, label="flattened, kept")
    yield Sample((array(rng, (3, 4)), -2), {"keepdims": True}, label="negative axis")
    yield Sample((np.array([[1, 3, 3], [np.nan, 9, np.nan]]), 1), label="ties and NaN")
    yield Sample((array(rng, ()),), label="0-d")
    yield Sample((array(rng, (0, 3)), 1), label="empty")
    yield Sample((array(rng, (4, 4099)), 1), label="large")


@op(infer="argreduce")
def argmax(x: TensorLike, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Find the position of the largest element, the first one among equals; NaN counts as largest.

    Args:
        x: [...], any real dtype.
        axis: The axis to search; None searches the flattened tensor.
        keepdims: Keep the axis, with size 1.

    Returns:
        x's shape without the axis, int64.

    Raises:
        IndexError: x has no such axis.
        ValueError: There is nothing to search.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.argmax([[1.0, 5.0], [3.0, 2.0]], axis=1)
        Tensor([1, 0], shape=(2,), dtype=int64)
    """


argmax.not_differentiable(INDICES)
argmax.samples(_positions)
argmax.rejects(bad_axis)


argmax.batch(_batch.flat_axis)


@argmax.reference
def _(x: Any, axis: int | None, keepdims: bool) -> Any:
    return np.argmax(x, axis, keepdims=keepdims)


@op(infer="argreduce")
def argmin(x: TensorLike, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Find the position of the smallest element, the first one among equals; NaN counts as smallest.

    Args:
        x: [...], any real dtype.
        axis: The axis to search; None searches the flattened tensor.
        keepdims: Keep the axis, with size 1.

    Returns:
        x's shape without the axis, int64.

    Raises:
        IndexError: x has no such axis.
        ValueError: There is nothing to search.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.argmin([[1.0, 5.0], [3.0, 2.0]], axis=1)
        Tensor([0, 1], shape=(2,), dtype=int64)
    """


argmin.not_differentiable(INDICES)
argmin.samples(_positions)
argmin.rejects(bad_axis)


argmin.batch(_batch.flat_axis)


@argmin.reference
def _(x: Any, axis: int | None, keepdims: bool) -> Any:
    return np.argmin(x, axis, keepdims=keepdims)
