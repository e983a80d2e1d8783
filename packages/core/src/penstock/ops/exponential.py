"""Exponentials, logarithms and error functions, element by element."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import (
    FLOATS,
    INTEGERS,
    binary,
    dtypes_without_order,
    no_broadcast,
    unary,
)

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="elementwise:float", broadcasts=True)
def exp2(x: TensorLike, /) -> Tensor:
    """Raise 2 to each element: y = 2ˣ.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.exp2([0.0, 3.0])
        Tensor([1., 8.], shape=(2,), dtype=float32)
    """


exp2.reference(np.exp2)
exp2.samples(unary())


@exp2.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * (node.outputs[0] * math.log(2)),)


@op(infer="elementwise:float", broadcasts=True)
def expm1(x: TensorLike, /) -> Tensor:
    """Take eˣ - 1 of each element, exact also where x is tiny.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.expm1([0.0, 1e-10])
        Tensor([0.e+00, 1.e-10], shape=(2,), dtype=float32)
    """


@expm1.reference
def _(x: Any) -> Any:
    y = np.expm1(x)
    if y.dtype.kind != "c":
        return y
    # Beside infinity and NaN NumPy's complex function loses what its exponential keeps; of zero it is +0.
    return np.where(np.isfinite(x), y + 0.0, np.exp(x) - 1)


expm1.samples(unary())


@expm1.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * (node.outputs[0] + 1.0),)


@op(infer="elementwise:float", broadcasts=True)
def log2(x: TensorLike, /) -> Tensor:
    """Take the logarithm to base 2 of each element. Zero gives -infinity, a negative real number NaN.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.log2([1.0, 8.0])
        Tensor([0., 3.], shape=(2,), dtype=float32)
    """


log2.reference(np.log2)
log2.samples(unary(low=0.2))


@log2.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy / (node.inputs[0] * math.log(2)),)


@op(infer="elementwise:float", broadcasts=True)
def log10(x: TensorLike, /) -> Tensor:
    """Take the logarithm to base 10 of each element. Zero gives -infinity, a negative real number NaN.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.log10([1.0, 0.0])
        Tensor([  0., -inf], shape=(2,), dtype=float32)
    """


log10.reference(np.log10)
log10.samples(unary(low=0.2))


@log10.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy / (node.inputs[0] * math.log(10)),)


@op(infer="elementwise:real_float", broadcasts=True)
def logaddexp(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Take log(eˣ + eʸ) element by element, without overflow.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        y: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.logaddexp([0.0, 1000.0], [0.0, 0.0])
        Tensor([6.931472e-01, 1.000000e+03], shape=(2,), dtype=float32)
    """


logaddexp.reference(np.logaddexp)
logaddexp.samples(binary(FLOATS + INTEGERS))
logaddexp.rejects(no_broadcast)


@logaddexp.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    dx = sum_to(dz * ops.sigmoid(x - y), x) if node.needs(0) else None
    return dx, sum_to(dz * ops.sigmoid(y - x), y) if node.needs(1) else None


_REAL = (*FLOATS, *INTEGERS)


def _float64(fn: Any, x: Any) -> Any:
    """Call a function of Python floats on each element."""
    return np.asarray(np.frompyfunc(fn, 1, 1)(np.asarray(x, np.float64)), np.float64)


@op(infer="elementwise:real_float", broadcasts=True)
def erf(x: TensorLike, /) -> Tensor:
    """Take the error function of each element: y = 2/√π ∫₀ˣ e^(-t²) dt.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32; the values lie between -1 and 1.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.erf([0.0, 10.0])
        Tensor([0., 1.], shape=(2,), dtype=float32)
    """


@erf.reference
def _(x: Any) -> Any:
    return _float64(math.erf, x)


erf.samples(unary(_REAL))
erf.rejects(dtypes_without_order())


@erf.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * (2 / math.sqrt(math.pi) * ops.exp(-ops.square(node.inputs[0]))),)


@op(infer="elementwise:real_float", broadcasts=True)
def erfc(x: TensorLike, /) -> Tensor:
    """Take 1 - erf(x) of each element, exact also where that is tiny.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32; the values lie between 0 and 2.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.erfc([0.0, -10.0])
        Tensor([1., 2.], shape=(2,), dtype=float32)
    """


@erfc.reference
def _(x: Any) -> Any:
    return _float64(math.erfc, x)


erfc.samples(unary(_REAL))
erfc.rejects(dtypes_without_order())


@erfc.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * (-2 / math.sqrt(math.pi) * ops.exp(-ops.square(node.inputs[0]))),)


@op(infer="elementwise:real_float", broadcasts=True)
def erfinv(x: TensorLike, /) -> Tensor:
    """Find the number whose error function is x. It is infinite at -1 and 1, and NaN beyond.

    Args:
        x: [...], any real dtype, between -1 and 1; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.erfinv([0.0, 1.0])
        Tensor([ 0., inf], shape=(2,), dtype=float32)
    """


def _erfinv(x: float) -> float:
    """Improve a rough guess by Newton's method; near 1 on erfc, which has the digits there."""
    a = abs(x)
    if not a < 1:
        return math.copysign(math.inf, x) if a == 1 else math.nan
    log = math.log1p(-a * a)
    t = 2 / (math.pi * 0.147) + log / 2
    y = math.sqrt(max(math.sqrt(t * t - log / 0.147) - t, 0.0))
    for _ in range(6):
        error = math.erf(y) - a if a < 0.5 else (1 - a) - math.erfc(y)
        y -= error * math.sqrt(math.pi) / 2 * math.exp(y * y)
    return math.copysign(y, x)


@erfinv.reference
def _(x: Any) -> Any:
    return _float64(_erfinv, x)


erfinv.samples(unary(_REAL, -0.9, 0.9))
erfinv.rejects(dtypes_without_order())


@erfinv.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * (math.sqrt(math.pi) / 2 * ops.exp(ops.square(node.outputs[0]))),)
