"""Angles and hyperbolic functions, element by element."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import FLOATS, INTEGERS, binary, no_broadcast, unary

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="elementwise:float", broadcasts=True)
def tan(x: TensorLike, /) -> Tensor:
    """Take the tangent of each element, which is an angle in radians.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.tan([0.0, 0.7853982])
        Tensor([0., 1.], shape=(2,), dtype=float32)
    """


tan.reference(np.tan)
tan.samples(unary(low=-1.2, high=1.2))


@tan.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (y,) = node.outputs
    return (dy * (1.0 + y * y),)


@op(infer="elementwise:float", broadcasts=True)
def asin(x: TensorLike, /) -> Tensor:
    """Find the angle between -π/2 and π/2 whose sine is x; NaN where x is real and not between -1 and 1.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.asin([0.0, 1.0])
        Tensor([0.       , 1.5707964], shape=(2,), dtype=float32)
    """


asin.reference(np.arcsin)
asin.samples(unary(low=-0.9, high=0.9))


@asin.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (dy * ops.rsqrt((1.0 - x) * (1.0 + x)),)


@op(infer="elementwise:float", broadcasts=True)
def acos(x: TensorLike, /) -> Tensor:
    """Find the angle between 0 and π whose cosine is x; NaN where x is real and not between -1 and 1.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.acos([1.0, -1.0])
        Tensor([0.       , 3.1415927], shape=(2,), dtype=float32)
    """


acos.reference(np.arccos)
acos.samples(unary(low=-0.9, high=0.9))


@acos.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (-(dy * ops.rsqrt((1.0 - x) * (1.0 + x))),)


@op(infer="elementwise:float", broadcasts=True)
def atan(x: TensorLike, /) -> Tensor:
    """Find the angle between -π/2 and π/2 whose tangent is x.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.atan([0.0, 0.5])
        Tensor([0.       , 0.4636476], shape=(2,), dtype=float32)
    """


atan.reference(np.arctan)
atan.samples(unary(low=-0.9, high=0.9))


@atan.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (dy / (1.0 + x * x),)


@op(infer="elementwise:float", broadcasts=True)
def sinh(x: TensorLike, /) -> Tensor:
    """Take the hyperbolic sine of each element: y = (eˣ - e⁻ˣ) / 2.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.sinh([0.0, 1.0])
        Tensor([0.       , 1.1752012], shape=(2,), dtype=float32)
    """


sinh.reference(np.sinh)
sinh.samples(unary())


@sinh.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (dy * ops.cosh(x),)


@op(infer="elementwise:float", broadcasts=True)
def cosh(x: TensorLike, /) -> Tensor:
    """Take the hyperbolic cosine of each element: y = (eˣ + e⁻ˣ) / 2.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.cosh([0.0, 1000.0])
        Tensor([ 1., inf], shape=(2,), dtype=float32)
    """


cosh.reference(np.cosh)
cosh.samples(unary())


@cosh.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (dy * ops.sinh(x),)


@op(infer="elementwise:float", broadcasts=True)
def asinh(x: TensorLike, /) -> Tensor:
    """Find the number whose hyperbolic sine is x.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.asinh([0.0, 1.0])
        Tensor([0.       , 0.8813736], shape=(2,), dtype=float32)
    """


asinh.reference(np.arcsinh)
asinh.samples(unary(low=-0.7, high=0.7))


@asinh.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (dy * ops.rsqrt(x * x + 1.0),)


@op(infer="elementwise:float", broadcasts=True)
def acosh(x: TensorLike, /) -> Tensor:
    """Find the number from 0 whose hyperbolic cosine is x; NaN where x is real and below 1.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.acosh([1.0, 0.0])
        Tensor([ 0., nan], shape=(2,), dtype=float32)
    """


acosh.reference(np.arccosh)
acosh.samples(unary(low=1.2))


@acosh.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (dy / (ops.sqrt(x - 1.0) * ops.sqrt(x + 1.0)),)


@op(infer="elementwise:float", broadcasts=True)
def atanh(x: TensorLike, /) -> Tensor:
    """Find the number whose hyperbolic tangent is x; infinite at -1 and 1.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.atanh([0.0, 1.0])
        Tensor([ 0., inf], shape=(2,), dtype=float32)
    """


atanh.reference(np.arctanh)
atanh.samples(unary(low=-0.9, high=0.9))


@atanh.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (dy / ((1.0 - x) * (1.0 + x)),)


@op(infer="elementwise:real_float", broadcasts=True)
def atan2(y: TensorLike, x: TensorLike, /) -> Tensor:
    """Find the angle of the point (x, y), from -π to π; the signs of both decide the quadrant.

    Args:
        y: [...], any real dtype; integers and booleans are taken as float32.
        x: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.atan2([1.0, -1.0], [0.0, -1.0])
        Tensor([ 1.5707964, -2.3561945], shape=(2,), dtype=float32)
    """


atan2.reference(np.arctan2)
atan2.samples(binary(FLOATS + INTEGERS, x=(0.3, 3.0)))
atan2.rejects(no_broadcast)


@atan2.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    y, x = node.inputs
    scaled = dz / (x * x + y * y)
    dy = sum_to(scaled * x, y) if node.needs(0) else None
    return dy, -sum_to(scaled * y, x) if node.needs(1) else None


@op(infer="elementwise:real_float", broadcasts=True)
def hypot(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Take √(x² + y²) element by element, without overflow on the way. The gradient at 0 is 0.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        y: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.hypot([3.0, 1e30], [4.0, 0.0])
        Tensor([5.e+00, 1.e+30], shape=(2,), dtype=float32)
    """


hypot.reference(np.hypot)
hypot.samples(binary(FLOATS + INTEGERS, x=(0.3, 3.0)))
hypot.rejects(no_broadcast)


@hypot.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    (z,) = node.outputs
    scaled = dz / ops.where(z == 0, 1.0, z)
    dx = sum_to(scaled * x, x) if node.needs(0) else None
    return dx, sum_to(scaled * y, y) if node.needs(1) else None
