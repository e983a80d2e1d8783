"""Functions of one tensor, element by element."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import no_flow
from penstock.ops._samples import REALS, unary

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="elementwise:numeric", broadcasts=True)
def negative(x: TensorLike, /) -> Tensor:
    """Change the sign of each element: y = -x. Unsigned integers wrap around.

    Args:
        x: [...], any numeric dtype.

    Returns:
        [...], of x's dtype.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.negative([1.0, -2.0])
        Tensor([-1.,  2.], shape=(2,), dtype=float32)
    """


negative.reference(np.negative)
negative.samples(unary())


@negative.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (-dy,)


@negative.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.array([True]),), error=TypeError, match="got bool; expected .*astype")
    yield Reject((np.array([b"a"], object),), error=TypeError, match="got string")


@op(infer="real_part", broadcasts=True)
def abs(x: TensorLike, /) -> Tensor:
    """Take the absolute value of each element: y = |x|. The gradient at 0 is 0.

    Args:
        x: [...], any numeric dtype.

    Returns:
        [...], of x's dtype, for complex64 float32 and for complex128 float64. The least number of a signed integer
        dtype stays itself.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.abs([1.0, -2.0])
        Tensor([1., 2.], shape=(2,), dtype=float32)
    """


abs.reference(np.abs)
abs.samples(unary((*REALS, "complex64", "complex128")))


@abs.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    direction = ops.sign(node.inputs[0])
    return (dy * (ops.conj(direction) if direction.dtype.kind == "complex" else direction),)


@abs.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.array([True]),), error=TypeError, match="got bool; expected .*astype")


@op(infer="elementwise:numeric", broadcasts=True)
def sign(x: TensorLike, /) -> Tensor:
    """Say of each element whether it is below, at or above zero: -1, 0 or 1. NaN stays NaN.

    Args:
        x: [...], any numeric dtype.

    Returns:
        [...], of x's dtype; for complex numbers x / |x|, and 0 for 0.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.sign([-3.0, 0.0, 5.0])
        Tensor([-1.,  0.,  1.], shape=(3,), dtype=float32)
    """


sign.reference(np.sign)
sign.samples(unary((*REALS, "complex64", "complex128")))


@sign.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    if x.dtype.kind != "complex":
        return (None,)
    size = ops.where(x == 0, 1.0, ops.abs(x))
    along = ops.real(dy * node.outputs[0])
    return ((dy - along * ops.conj(node.outputs[0])) / size,)


@op(infer="elementwise:numeric", broadcasts=True)
def square(x: TensorLike, /) -> Tensor:
    """Multiply each element by itself: y = x².

    Args:
        x: [...], any numeric dtype.

    Returns:
        [...], of x's dtype.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.square([1.0, -3.0])
        Tensor([1., 9.], shape=(2,), dtype=float32)
    """


square.reference(np.square)
square.samples(unary())


@square.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * (node.inputs[0] * 2.0),)


@op(infer="elementwise:float", broadcasts=True)
def sqrt(x: TensorLike, /) -> Tensor:
    """Take the non-negative square root of each element. A negative real number gives NaN.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.sqrt([4, 9])
        Tensor([2., 3.], shape=(2,), dtype=float32)
    """


sqrt.reference(np.sqrt)
sqrt.samples(unary(low=0.2))


@sqrt.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy / (node.outputs[0] * 2.0),)


@op(infer="elementwise:float", broadcasts=True)
def rsqrt(x: TensorLike, /) -> Tensor:
    """Take the reciprocal square root of each element: y = 1 / √x. Zero gives infinity.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.rsqrt([4.0, 0.25])
        Tensor([0.5, 2. ], shape=(2,), dtype=float32)
    """


@rsqrt.reference
def _(x: Any) -> Any:
    return 1 / np.sqrt(x)


@rsqrt.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (y,) = node.outputs
    return (dy * (y * y * y * -0.5),)


rsqrt.samples(unary(low=0.6))


@op(infer="elementwise:float", broadcasts=True)
def exp(x: TensorLike, /) -> Tensor:
    """Raise e to the power of each element: y = eˣ.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.exp([0.0, float("-inf")])
        Tensor([1., 0.], shape=(2,), dtype=float32)
    """


exp.reference(np.exp)
exp.samples(unary())


@exp.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * node.outputs[0],)


@op(infer="elementwise:float", broadcasts=True)
def log(x: TensorLike, /) -> Tensor:
    """Take the natural logarithm of each element. Zero gives -infinity, a negative real number NaN.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.log([1.0, 0.0])
        Tensor([  0., -inf], shape=(2,), dtype=float32)
    """


log.reference(np.log)
log.samples(unary(low=0.2))


@log.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy / node.inputs[0],)


@op(infer="elementwise:float", broadcasts=True)
def log1p(x: TensorLike, /) -> Tensor:
    """Take log(1 + x) of each element, exact also where x is tiny.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.log1p([0.0, 1e-10])
        Tensor([0.e+00, 1.e-10], shape=(2,), dtype=float32)
    """


log1p.reference(np.log1p)
log1p.samples(unary(low=-0.8))


@log1p.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy / (node.inputs[0] + 1.0),)


@op(infer="elementwise:float", broadcasts=True)
def sin(x: TensorLike, /) -> Tensor:
    """Take the sine of each element, which is an angle in radians.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.sin([0.0, 1.5707964])
        Tensor([0., 1.], shape=(2,), dtype=float32)
    """


sin.reference(np.sin)
sin.samples(unary())


@sin.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * ops.cos(node.inputs[0]),)


@op(infer="elementwise:float", broadcasts=True)
def cos(x: TensorLike, /) -> Tensor:
    """Take the cosine of each element, which is an angle in radians.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.cos([0.0, 3.1415927])
        Tensor([ 1., -1.], shape=(2,), dtype=float32)
    """


cos.reference(np.cos)
cos.samples(unary())


@cos.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (-(dy * ops.sin(node.inputs[0])),)


@op(infer="elementwise:float", broadcasts=True)
def tanh(x: TensorLike, /) -> Tensor:
    """Take the hyperbolic tangent of each element: y = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ).

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32; real values lie between -1 and 1.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.tanh([0.0, 100.0])
        Tensor([0., 1.], shape=(2,), dtype=float32)
    """


@tanh.reference
def _(x: Any) -> Any:
    y = np.tanh(x)
    if y.dtype.kind != "c":
        return y
    # NumPy would give the zero beside ±1 the sign of sin 2b.
    far = np.isinf(x.real) & np.isfinite(x.imag)
    ends = np.empty_like(y)
    ends.real, ends.imag = np.sign(x.real), np.copysign(0, x.imag)
    return np.where(far, ends, y)


@tanh.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from unary()(rng)
    far = np.array([complex(np.inf, 2), complex(-np.inf, -2)])
    yield Sample((far,), label="far", differentiable=False)


@tanh.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (y,) = node.outputs
    return (dy * (1.0 - y * y),)


@op(infer="elementwise:float", broadcasts=True)
def sigmoid(x: TensorLike, /) -> Tensor:
    """Take the logistic function of each element: y = 1 / (1 + e⁻ˣ).

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32; real values lie between 0 and 1.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.sigmoid([0.0, 100.0])
        Tensor([0.5, 1. ], shape=(2,), dtype=float32)
    """


@sigmoid.reference
def _(x: Any) -> Any:
    if np.iscomplexobj(x):
        return 1 / (1 + np.exp(-x))
    return np.exp(-np.logaddexp(0, -x))  # no overflow, and no loss of digits far below zero


@sigmoid.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (y,) = node.outputs
    return (dy * (y * (1.0 - y)),)


@sigmoid.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from unary()(rng)
    yield Sample((np.array([-1e4, -90.0, 90.0, 1e4]),), label="far out", differentiable=False)


@op(infer="elementwise:real", broadcasts=True)
def floor(x: TensorLike, /) -> Tensor:
    """Round each element down to a whole number.

    Args:
        x: [...], any real dtype; integers stay as they are.

    Returns:
        [...], of x's dtype.

    Raises:
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.floor([1.5, -1.5])
        Tensor([ 1., -2.], shape=(2,), dtype=float32)
    """


floor.reference(np.floor)
floor.vjp(no_flow)
floor.samples(unary(REALS))


@op(infer="elementwise:real", broadcasts=True)
def ceil(x: TensorLike, /) -> Tensor:
    """Round each element up to a whole number.

    Args:
        x: [...], any real dtype; integers stay as they are.

    Returns:
        [...], of x's dtype.

    Raises:
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.ceil([1.5, -1.5])
        Tensor([ 2., -1.], shape=(2,), dtype=float32)
    """


ceil.reference(np.ceil)
ceil.vjp(no_flow)
ceil.samples(unary(REALS))
