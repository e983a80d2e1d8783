"""Activations with a bend that can be differentiated."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, Sample, op
from penstock.ops._samples import FLOATS, INTEGERS, array, dtypes_without_order, unary
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

# √(8/π): the logistic function of 2u is (1 + tanh u) / 2.
_GELU = math.sqrt(8 / math.pi)

# Klambauer et al., 2017, "Self-normalizing neural networks".
_SELU, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


_SIZES = (*FLOATS, *INTEGERS)


def _smooth(rng: np.random.Generator) -> Iterator[Sample]:
    yield from unary(_SIZES)(rng)
    far = np.array([-1e4, -90.0, -20.0, 20.0, 90.0, 1e4])
    yield Sample((far,), label="far out", differentiable=False)


def _with(**attributes: Any) -> Any:
    """Make the samples of a function with an attribute, given and left out."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield from _smooth(rng)
        yield Sample((array(rng, (3, 4)),), attributes, label="attribute")

    return samples


def _sigmoid(x: Any) -> Any:
    return np.exp(-np.logaddexp(0, -x))


def _positive(x: Any, yes: Any, no: Any) -> Any:
    return np.where(x > 0, yes, no)


@op(infer="elementwise:real_float", broadcasts=True)
def gelu(x: TensorLike, /, approximate: bool = False) -> Tensor:
    """Weigh each element by how probable a smaller one is in a normal distribution: y = x·Φ(x).

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        approximate: Take y = x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2, as GPT-2 does; False for Φ by the error
            function, as TensorFlow and PyTorch do by default.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.gelu([0.0, 100.0])
        Tensor([  0., 100.], shape=(2,), dtype=float32)
    """


@gelu.reference
def _(x: Any, approximate: bool) -> Any:
    x = np.maximum(wider(x), -100)  # zero long before; so -inf is not multiplied by zero
    if not approximate:
        half = np.frompyfunc(math.erfc, 1, 1)(np.asarray(-x / np.sqrt(2), np.float64))
        return np.asarray(half, np.float64) * x / 2
    return x * _sigmoid(x * (_GELU + _GELU * 0.044715 * np.square(x)))


gelu.samples(_with(approximate=False))
gelu.rejects(dtypes_without_order())


@gelu.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    if not node.attrs["approximate"]:
        density = ops.exp(ops.square(x) * -0.5) * (0.5 * math.sqrt(2 / math.pi))
        return (dy * (ops.erfc(x * -math.sqrt(0.5)) * 0.5 + x * density),)
    square = ops.square(x)
    s = ops.sigmoid(x * (_GELU + _GELU * 0.044715 * square))
    inner = _GELU + 3 * 0.044715 * _GELU * square
    return (dy * (s + x * (s * (1.0 - s)) * inner),)


@op(infer="elementwise:real_float", broadcasts=True)
def silu(x: TensorLike, /) -> Tensor:
    """Multiply each element by its logistic function: y = x / (1 + e⁻ˣ). Also called swish.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.silu([0.0, 100.0])
        Tensor([  0., 100.], shape=(2,), dtype=float32)
    """


@silu.reference
def _(x: Any) -> Any:
    return x * _sigmoid(x)


silu.samples(_smooth)
silu.rejects(dtypes_without_order())


@silu.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    s = ops.sigmoid(x)
    return (dy * (s + x * (s * (1.0 - s))),)


@op(infer="elementwise:real_float", broadcasts=True)
def mish(x: TensorLike, /) -> Tensor:
    """Take x·tanh(log(1 + eˣ)) of each element.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.mish([0.0, 100.0])
        Tensor([  0., 100.], shape=(2,), dtype=float32)
    """


@mish.reference
def _(x: Any) -> Any:
    return x * np.tanh(np.logaddexp(wider(x), 0))


mish.samples(_smooth)
mish.rejects(dtypes_without_order())


@mish.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    t = ops.tanh(ops.softplus(x))
    return (dy * (t + x * (1.0 - t * t) * ops.sigmoid(x)),)


@op(infer="elementwise:real_float", broadcasts=True)
def softplus(x: TensorLike, /) -> Tensor:
    """Take log(1 + eˣ) of each element, without overflow.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.softplus([0.0, 100.0])
        Tensor([  0.6931472, 100.       ], shape=(2,), dtype=float32)
    """


@softplus.reference
def _(x: Any) -> Any:
    return np.logaddexp(wider(x), 0)


softplus.samples(_smooth)
softplus.rejects(dtypes_without_order())


@softplus.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * ops.sigmoid(node.inputs[0]),)


@op(infer="elementwise:real_float", broadcasts=True)
def softsign(x: TensorLike, /) -> Tensor:
    """Bend each element into the interval from -1 to 1: y = x / (1 + |x|).

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.softsign([0.0, 1.0, -3.0])
        Tensor([ 0.  ,  0.5 , -0.75], shape=(3,), dtype=float32)
    """


@softsign.reference
def _(x: Any) -> Any:
    return x / (1 + np.abs(x))


softsign.samples(_smooth)
softsign.rejects(dtypes_without_order())


@softsign.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (y,) = node.outputs
    return (dy * ops.square(1.0 - ops.abs(y)),)


@op(infer="elementwise:real_float", broadcasts=True)
def elu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """Keep positive elements, and bend negative ones: y = alpha·(eˣ - 1) below 0.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        alpha: Minus the limit far below zero.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.elu([2.0, 0.0, -100.0])
        Tensor([ 2.,  0., -1.], shape=(3,), dtype=float32)
    """


@elu.reference
def _(x: Any, alpha: float) -> Any:
    return _positive(x, x, alpha * np.expm1(np.where(x > 0, 0, x)))


elu.samples(_with(alpha=0.3))
elu.rejects(dtypes_without_order())


@elu.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    (y,) = node.outputs
    return (dy * ops.where(x > 0, 1.0, y + node.attrs["alpha"]),)


@op(infer="elementwise:real_float", broadcasts=True)
def selu(x: TensorLike, /) -> Tensor:
    """Scale elu so that deep networks keep mean and variance: y = 1.0507·elu(x, 1.6733).

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.selu([1.0, 0.0, -100.0])
        Tensor([ 1.050701 ,  0.       , -1.7580993], shape=(3,), dtype=float32)
    """


@selu.reference
def _(x: Any) -> Any:
    return _SELU * _positive(x, x, _SELU_ALPHA * np.expm1(np.where(x > 0, 0, x)))


selu.samples(_smooth)
selu.rejects(dtypes_without_order())


@selu.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    (y,) = node.outputs
    return (dy * ops.where(x > 0, _SELU, y + _SELU * _SELU_ALPHA),)


@op(infer="elementwise:real_float", broadcasts=True)
def celu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """Keep positive elements, and bend negative ones smoothly: y = alpha·(e^(x/alpha) - 1) below 0.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        alpha: Minus the limit far below zero, not 0.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.celu([2.0, 0.0, -100.0])
        Tensor([ 2.,  0., -1.], shape=(3,), dtype=float32)
    """


@celu.reference
def _(x: Any, alpha: float) -> Any:
    return _positive(x, x, alpha * np.expm1(np.where(x > 0, 0, x) / alpha))


celu.samples(_with(alpha=0.5))
celu.rejects(dtypes_without_order())


@celu.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    alpha = node.attrs["alpha"]
    return (dy * ops.where(x > 0, 1.0, node.outputs[0] / alpha + 1.0),)
