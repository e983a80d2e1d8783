"""Rounding, limits and signs, element by element."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import no_flow, sum_to
from penstock.ops._samples import (
    FLOATS,
    INTEGERS,
    REALS,
    array,
    binary,
    dtypes_without_order,
    no_broadcast,
    unary,
)

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="elementwise:numeric", broadcasts=True)
def round(x: TensorLike, /) -> Tensor:
    """Round each element to the nearest whole number, halves to the even one.

    Args:
        x: [...], any numeric dtype; integers stay as they are, and of complex numbers both parts are rounded.

    Returns:
        [...], of x's dtype.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.round([0.5, 1.5, -1.2])
        Tensor([ 0.,  2., -1.], shape=(3,), dtype=float32)
    """


round.reference(np.round)
round.samples(unary((*REALS, "complex64", "complex128")))
round.rejects(dtypes_without_order(dtype="bool", match="got bool"))
round.vjp(no_flow)


@op(infer="elementwise:real", broadcasts=True)
def trunc(x: TensorLike, /) -> Tensor:
    """Round each element toward zero.

    Args:
        x: [...], any real dtype; integers stay as they are.

    Returns:
        [...], of x's dtype.

    Raises:
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.trunc([1.7, -1.7])
        Tensor([ 1., -1.], shape=(2,), dtype=float32)
    """


trunc.reference(np.trunc)
trunc.samples(unary(REALS))
trunc.rejects(dtypes_without_order())
trunc.vjp(no_flow)


@op(infer="elementwise:float", broadcasts=True)
def reciprocal(x: TensorLike, /) -> Tensor:
    """Divide 1 by each element. Zero gives infinity.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.reciprocal([2, 4])
        Tensor([0.5 , 0.25], shape=(2,), dtype=float32)
    """


@reciprocal.reference
def _(x: Any) -> Any:
    return 1 / x


reciprocal.samples(unary(low=0.2))


@reciprocal.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (y,) = node.outputs
    return (-(dy * (y * y)),)


@op(infer="elementwise:real_float", broadcasts=True)
def copysign(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Give the magnitudes of x the signs of y; the sign of -0 and NaN counts too.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        y: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.copysign([1.0, 2.0], [-3.0, 0.0])
        Tensor([-1.,  2.], shape=(2,), dtype=float32)
    """


copysign.reference(np.copysign)
copysign.samples(binary(FLOATS + INTEGERS, x=(0.3, 3.0)))
copysign.rejects(no_broadcast)


@copysign.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    one = ops.copysign(1.0, x) * ops.copysign(1.0, y)
    return sum_to(dz * one, x), None


@op(infer="elementwise:real", broadcasts=True)
def squared_difference(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Square the difference, element by element: z = (x - y)².

    Args:
        x: [...], any real dtype.
        y: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are boolean or complex.

    Example:
        >>> penstock.squared_difference([3.0, 4.0], 1.0)
        Tensor([4., 9.], shape=(2,), dtype=float32)
    """


@squared_difference.reference
def _(x: Any, y: Any) -> Any:
    return np.square(x - y)


squared_difference.samples(binary(REALS))
squared_difference.rejects(no_broadcast)


@squared_difference.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    slope = dz * ((x - y) * 2.0)
    return sum_to(slope, x), -sum_to(slope, y) if node.needs(1) else None


@op(infer="elementwise:real", name="clip", broadcasts=True)
def clip_(x: TensorLike, min: TensorLike, max: TensorLike, /) -> Tensor:
    """Limit the elements to the interval from min to max; where min is above max the result is max.

    The gradient flows to x where it lies inside the interval, and to the end that was taken where it does not.

    Args:
        x: [...], any real dtype.
        min: [...], the lower ends; the shapes must broadcast.
        max: [...], the upper ends.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are boolean or complex.

    Example:
        >>> penstock.ops.clip_([-1.0, 0.5, 2.0], 0.0, 1.0)
        Tensor([0. , 0.5, 1. ], shape=(3,), dtype=float32)
    """


@clip_.reference
def _(x: Any, min: Any, max: Any) -> Any:
    return np.minimum(np.maximum(x, min), max)


@clip_.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, low, high = node.inputs
    above = ops.maximum(x, low) > high
    below = ops.logical_and(x < low, ops.logical_not(above))
    outside = ops.logical_or(above, below)
    dx = sum_to(ops.where(outside, 0.0, dz), x) if node.needs(0) else None
    dlow = sum_to(ops.where(below, dz, 0.0), low) if node.needs(1) else None
    return dx, dlow, sum_to(ops.where(above, dz, 0.0), high) if node.needs(2) else None


@clip_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in REALS:
        ends = array(rng, (3, 4), dtype, -2, 0), array(rng, (3, 4), dtype, 1, 2)
        yield Sample((array(rng, (3, 4), dtype), *ends), label=dtype)
    yield Sample((array(rng, (2, 3)), -1.0, 1.0), label="scalars")
    yield Sample((array(rng, ()), -1.0, 1.0), label="0-d")
    yield Sample((array(rng, (0, 3)), -1.0, 1.0), label="empty")
    yield Sample((array(rng, (4, 1)), np.full(3, -0.5), np.ones((2, 1, 1))), label="broadcast")
    yield Sample((array(rng, (4, 6)).T[::2], -1.0, 1.0), label="strided")
    yield Sample((array(rng, (3, 4099)), -1.0, 1.0), label="large", differentiable=False)
    yield Sample((array(rng, (2, 3)), 1.0, -1.0), label="crossed")


@clip_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), np.ones(4), 1.0), match="do not broadcast")
    yield Reject((np.ones(2, bool), False, True), error=TypeError, match="got bool; expected")
