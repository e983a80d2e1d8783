"""Running sums, products, sums of exponentials and extremes along an axis."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock._dataclass import replace
from penstock.ops import _batch_indexing, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, NUMERIC, REALS, array
from penstock.ops._scatter_gradients import first_counted
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="cumulative:sum")
def cumsum(
    x: TensorLike, axis: int | None = None, *, exclusive: bool = False, reverse: bool = False
) -> Tensor:
    """Add up everything until each element: yᵢ = x₀ + ... + xᵢ.

    The order is fixed, so the bits do not depend on the number of threads.

    Args:
        x: [...], any dtype but string.
        axis: The axis to walk along; None walks over the flattened tensor.
        exclusive: Leave xᵢ itself out, so that y₀ is 0.
        reverse: Walk from the end.

    Returns:
        x's shape, flattened if `axis` is None; of the dtype that `sum` would have.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.cumsum([1, 2, 3])
        Tensor([1, 3, 6], shape=(3,), dtype=int64)
        >>> penstock.cumsum([1, 2, 3], exclusive=True, reverse=True)
        Tensor([5, 3, 0], shape=(3,), dtype=int64)
    """


cumsum.jvp(_tangents.linear)


cumsum.batch(_batch_indexing.flattened())


@op(infer="cumulative:sum")
def cumprod(
    x: TensorLike, axis: int | None = None, *, exclusive: bool = False, reverse: bool = False
) -> Tensor:
    """Multiply everything until each element: yᵢ = x₀ · ... · xᵢ.

    The gradient is exact also where elements are zero; the second derivative is so only where none is.

    Args:
        x: [...], any dtype but string.
        axis: The axis to walk along; None walks over the flattened tensor.
        exclusive: Leave xᵢ itself out, so that y₀ is 1.
        reverse: Walk from the end.

    Returns:
        x's shape, flattened if `axis` is None; of the dtype that `prod` would have.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.cumprod([1, 2, 3, 4])
        Tensor([ 1,  2,  6, 24], shape=(4,), dtype=int64)
    """


cumprod.batch(_batch_indexing.flattened())


@op(infer="cumulative:real")
def cummax(x: TensorLike, axis: int | None = None, *, reverse: bool = False) -> Tensor:
    """Take the largest element so far: yᵢ = max(x₀, ..., xᵢ); NaN from the first one on.

    Among equals the gradient goes to the last.

    Args:
        x: [...], any real dtype.
        axis: The axis to walk along; None walks over the flattened tensor.
        reverse: Walk from the end.

    Returns:
        x's shape, flattened if `axis` is None; of x's dtype.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.cummax([1.0, 3.0, 2.0])
        Tensor([1., 3., 3.], shape=(3,), dtype=float32)
    """


cummax.batch(_batch_indexing.flattened())


@op(infer="cumulative:real")
def cummin(x: TensorLike, axis: int | None = None, *, reverse: bool = False) -> Tensor:
    """Take the smallest element so far: yᵢ = min(x₀, ..., xᵢ); NaN from the first one on.

    Among equals the gradient goes to the last.

    Args:
        x: [...], any real dtype.
        axis: The axis to walk along; None walks over the flattened tensor.
        reverse: Walk from the end.

    Returns:
        x's shape, flattened if `axis` is None; of x's dtype.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.cummin([2.0, 1.0, 3.0])
        Tensor([2., 1., 1.], shape=(3,), dtype=float32)
    """


cummin.batch(_batch_indexing.flattened())


@op(infer="cumulative:float")
def cumlogsumexp(
    x: TensorLike, axis: int | None = None, *, exclusive: bool = False, reverse: bool = False
) -> Tensor:
    """Take the logarithm of the sum of the exponentials so far: yᵢ = log(e^x₀ + ... + e^xᵢ), without overflow.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        axis: The axis to walk along; None walks over the flattened tensor.
        exclusive: Leave xᵢ itself out, so that y₀ is -inf.
        reverse: Walk from the end.

    Returns:
        x's shape, flattened if `axis` is None; of x's dtype or float32.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.cumlogsumexp([0.0, 0.0, 1000.0])
        Tensor([0.000000e+00, 6.931472e-01, 1.000000e+03], shape=(3,), dtype=float32)
    """


cumlogsumexp.batch(_batch_indexing.flattened())


def _walk(accumulate: Callable[..., Any], x: Any, axis: int | None, reverse: bool) -> Any:
    if axis is None:
        x, axis = x.reshape(-1), 0
    turn = (builtins.slice(None),) * axis + (builtins.slice(None, None, -1 if reverse else 1),)
    return accumulate(x[turn], axis)[turn]


def _shifted(neutral: float, accumulate: Any, exclusive: bool) -> Callable[..., Any]:
    """Accumulate; without each element itself if `exclusive`."""
    if not exclusive:
        return lambda x, axis: accumulate(x, axis=axis)

    def walk(x: Any, axis: int) -> Any:
        rest = np.delete(x, -1, axis) if x.shape[axis] else x
        first = np.full_like(x, neutral)[(builtins.slice(None),) * axis + (builtins.slice(0, 1),)]
        return accumulate(np.concatenate([first, rest], axis), axis=axis)

    return walk


@cumsum.reference
def _(x: Any, axis: int | None, exclusive: bool, reverse: bool) -> Any:
    return _walk(_shifted(0, np.cumsum, exclusive), wider(x), axis, reverse)


@cumprod.reference
def _(x: Any, axis: int | None, exclusive: bool, reverse: bool) -> Any:
    return _walk(_shifted(1, np.cumprod, exclusive), wider(x), axis, reverse)


@cumlogsumexp.reference
def _(x: Any, axis: int | None, exclusive: bool, reverse: bool) -> Any:
    with np.errstate(invalid="ignore"):
        return _walk(_shifted(-np.inf, np.logaddexp.accumulate, exclusive), wider(x), axis, reverse)


@cummax.reference
def _(x: Any, axis: int | None, reverse: bool) -> Any:
    return _walk(np.maximum.accumulate, x, axis, reverse)


@cummin.reference
def _(x: Any, axis: int | None, reverse: bool) -> Any:
    return _walk(np.minimum.accumulate, x, axis, reverse)


def _line(node: Node) -> tuple[Tensor, int]:
    """The input and the axis of the walk, flattened where the op flattened it."""
    (x,) = node.inputs
    axis = node.attrs["axis"]
    return (ops.reshape(x, (-1,)), 0) if axis is None else (x, axis)


@cumsum.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    _, axis = _line(node)
    back = not node.attrs["reverse"]
    dx = cumsum(dy, axis, exclusive=node.attrs["exclusive"], reverse=back)
    return (ops.reshape(dx, node.inputs[0].shape),)


@cumprod.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, axis = _line(node)
    exclusive, reverse = node.attrs["exclusive"], node.attrs["reverse"]

    def behind(v: Tensor) -> Tensor:
        return cumsum(v, axis, exclusive=exclusive, reverse=not reverse)

    zero = x == 0
    zeros = cumsum(zero, axis, reverse=reverse)  # so far
    first = zero & (zeros == 1)
    before = zeros == 0
    # Before the first zero division undoes the product. At it, the product of the others is that of x with a 1 in
    # its place. Behind it everything is 0, whatever an element is.
    usual = behind(dy * node.outputs[0]) / ops.where(before, x, 1.0)
    others = cumprod(ops.where(first, 1.0, x), axis, exclusive=exclusive, reverse=reverse)
    dx = ops.where(before, usual, ops.where(first, behind(dy * others), 0.0))
    return (ops.reshape(dx, node.inputs[0].shape),)


@cumlogsumexp.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    # Σ dyⱼ e^(xᵢ - yⱼ) over the results that xᵢ is part of. Positive and negative parts go apart, as logarithms.
    x, axis = _line(node)
    flags = {"exclusive": node.attrs["exclusive"], "reverse": not node.attrs["reverse"]}

    def part(slope: Tensor) -> Tensor:
        safe = ops.where(slope > 0.0, slope, 1.0)
        weight = ops.where(slope > 0.0, ops.log(safe) - node.outputs[0], -np.inf)
        return ops.exp(cumlogsumexp(weight, axis, **flags) + x)

    return (ops.reshape(part(dy) - part(-dy), node.inputs[0].shape),)


@cummax.vjp
@cummin.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, axis = _line(node)
    reverse = node.attrs["reverse"]
    place = first_counted(x.shape[axis], x.ndim, axis)
    # Where the walk meets an element as large as the result, that is the result until the next one.
    if reverse:
        start = ops.full((), 2**62, "int64")
        origin = cummin(ops.where(x == node.outputs[0], place, start), axis, reverse=True)
    else:
        origin = cummax(ops.where(x == node.outputs[0], place, 0), axis)
    origin = ops.where((origin >= 0) & (origin < 2**62), origin, place)
    zeros = ops.full(x.shape, 0, dy.dtype)
    dx = ops.put_along_axis(zeros, origin, dy, axis, mode="add")
    return (ops.reshape(dx, node.inputs[0].shape),)


def _samples(
    rng: np.random.Generator, dtypes: tuple[str, ...], low: float, high: float, exclusive: bool
) -> Iterator[Sample]:
    def one(shape: tuple[int, ...], dtype: str, label: str, **kwargs: object) -> Sample:
        return Sample((array(rng, shape, dtype, low, high),), kwargs, label=label)

    for dtype in dtypes:
        yield one((3, 4), dtype, dtype, axis=1)
    first = dtypes[0]
    for axis in (0, 1, -1, None):
        yield one((2, 3, 4), first, f"axis {axis}", axis=axis)
        yield one((2, 3, 4), first, f"axis {axis} reversed", axis=axis, reverse=True)
        if exclusive:
            yield one((2, 3, 2), "float64", f"axis {axis} exclusive", axis=axis, exclusive=True)
            both = {"exclusive": True, "reverse": True}
            yield one((2, 3, 2), "float64", f"axis {axis} both", axis=axis, **both)
            yield one((2, 0), first, f"axis {axis} empty, exclusive", axis=axis, exclusive=True)
    yield one((), first, "0-d")
    yield one((1,), first, "one")
    yield one((0, 3), first, "empty", axis=0)
    yield one((3, 0), first, "of nothing", axis=0)
    yield one((3, 4099), first, "large", axis=1)
    yield one((4099, 3), first, "large, other axis", axis=0)
    yield Sample((array(rng, (4, 6), first, low, high).T,), {"axis": 0}, label="strided")


@cumsum.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    return _samples(rng, (*NUMERIC, "bool"), -3, 3, exclusive=True)


@cumprod.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _samples(rng, FLOATS, 0.99, 1.01, exclusive=True)
    yield Sample((array(rng, (3, 4), "int32"),), label="int32")
    yield Sample((array(rng, (3, 4), "complex64"), 0), label="complex64")
    zeros = np.array([[2.0, 0.0, 3.0, 4.0], [0.0, 0.0, 5.0, 1.0], [1.0, 2.0, 3.0, 0.0]])
    for exclusive in (False, True):
        for reverse in (False, True):
            flags = {"exclusive": exclusive, "reverse": reverse}
            yield Sample((zeros, 1), flags, label=f"zeros {exclusive} {reverse}")


@cumlogsumexp.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for sample in _samples(rng, FLOATS, -3, 3, exclusive=True):
        # Differences of -inf say nothing, and an exclusive walk begins with one.
        smooth = sample.differentiable and not sample.kwargs.get("exclusive")
        yield replace(sample, differentiable=smooth)
    yield Sample((np.array([3, -2, 0], "int32"),), label="int32")
    apart = np.array([-900.0, -1000.0, 0.0, 900.0, 1000.0, -np.inf])
    yield Sample((apart,), label="far apart", differentiable=False)


@cummax.samples
@cummin.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _samples(rng, REALS, -3, 3, exclusive=False)
    flawed = np.array([1.0, np.nan, 3.0, -np.inf])
    yield Sample((flawed,), label="NaN", differentiable=False)


def _rejects() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), 2), error=IndexError, match="use -2 to 1")


for _op in (cumsum, cumprod, cumlogsumexp, cummax, cummin):
    _op.rejects(_rejects)
