"""Activations made of straight pieces."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, Sample, op
from penstock.ops._samples import FLOATS, INTEGERS, array, dtypes_without_order, unary

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def _bent(rng: np.random.Generator) -> Iterator[Sample]:
    yield from unary((*FLOATS, *INTEGERS), -2.9, 2.9)(rng)
    wide = np.array([-9.0, -3.0, -0.0, 0.0, 3.0, 6.0, 9.0])
    yield Sample((wide,), label="at the bends", differentiable=False)


def _leaky(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _bent(rng)
    yield Sample((array(rng, (3, 4)),), {"negative_slope": 0.01}, label="slope")


@op(infer="elementwise:real_float", broadcasts=True)
def leaky_relu(x: TensorLike, /, negative_slope: float = 0.2) -> Tensor:
    """Keep positive elements, and make negative ones small: y = negative_slope·x below 0.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        negative_slope: The slope below 0; 0.2 is Keras's, PyTorch has 0.01.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.leaky_relu([2.0, -1.0])
        Tensor([ 2. , -0.2], shape=(2,), dtype=float32)
    """


@leaky_relu.reference
def _(x: Any, negative_slope: float) -> Any:
    return np.where(x < 0, negative_slope * x, x)


leaky_relu.samples(_leaky)
leaky_relu.rejects(dtypes_without_order())


@leaky_relu.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (ops.where(node.inputs[0] > 0, dy, dy * node.attrs["negative_slope"]),)


@op(infer="elementwise:real_float", broadcasts=True)
def relu6(x: TensorLike, /) -> Tensor:
    """Limit each element to the interval from 0 to 6.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.relu6([-1.0, 3.0, 9.0])
        Tensor([0., 3., 6.], shape=(3,), dtype=float32)
    """


@relu6.reference
def _(x: Any) -> Any:
    return np.clip(x, 0, 6)


relu6.samples(_bent)
relu6.rejects(dtypes_without_order())


@relu6.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (y,) = node.outputs  # bounded where x is, and x need not be kept
    inside = ops.logical_and(y > 0, y < 6)
    return (ops.where(inside, dy, 0.0),)


@op(infer="elementwise:real_float", broadcasts=True)
def hard_sigmoid(x: TensorLike, /) -> Tensor:
    """Approach the logistic function by straight lines: y = relu6(x + 3) / 6.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.hard_sigmoid([-3.0, 0.0, 3.0])
        Tensor([0. , 0.5, 1. ], shape=(3,), dtype=float32)
    """


@hard_sigmoid.reference
def _(x: Any) -> Any:
    return np.clip(x + 3, 0, 6) / 6


hard_sigmoid.samples(_bent)
hard_sigmoid.rejects(dtypes_without_order())


@hard_sigmoid.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (ops.where(ops.abs(x) < 3, dy * (1 / 6), 0.0),)


@op(infer="elementwise:real_float", broadcasts=True)
def hard_swish(x: TensorLike, /) -> Tensor:
    """Approach silu by straight lines: y = x·relu6(x + 3) / 6. Also called hard_silu.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.hard_swish([0.0, 1.5, 3.0])
        Tensor([0.   , 1.125, 3.   ], shape=(3,), dtype=float32)
    """


@hard_swish.reference
def _(x: Any) -> Any:
    return x * np.clip(x + 3, 0, 6) / 6


hard_swish.samples(_bent)
hard_swish.rejects(dtypes_without_order())


@hard_swish.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    slope = ops.where(x < -3, 0.0, ops.where(x > 3, 1.0, (x * 2.0 + 3.0) * (1 / 6)))
    return (dy * slope,)
