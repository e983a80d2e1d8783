"""Normalisation made of other ops, and the statistics that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import InvalidValueError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Axis, TensorLike


def moments(
    x: TensorLike, /, axis: Axis = None, *, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """Take mean and variance along axes.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        axis: What to take them over; None for everything.
        keepdims: Keep the reduced axes, with size 1.

    Returns:
        The mean and the (biased) variance: x's shape without the reduced axes, of x's dtype or float32.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is complex or a string tensor.

    Example:
        >>> mean, variance = penstock.nn.moments([1.0, 3.0])
        >>> float(mean), float(variance)
        (2.0, 1.0)
    """
    x = asarray(x)
    mean = ops.mean(x, axis, keepdims=True)
    variance = ops.mean(ops.squared_difference(x, mean), axis, keepdims=keepdims)
    return (mean if keepdims else ops.reshape(mean, variance.shape)), variance


def l2_normalize(x: TensorLike, /, axis: Axis = -1, *, epsilon: float = 1e-12) -> Tensor:
    """Divide by the Euclidean length along axes: x / √max(Σx², epsilon).

    Args:
        x: [...], any real dtype; integers are taken as float32.
        axis: What a vector lies along; None for everything.
        epsilon: The smallest squared length to divide by.

    Returns:
        x's shape, of x's dtype or float32.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.round(penstock.nn.l2_normalize([3.0, 4.0]) * 100)
        Tensor([60., 80.], shape=(2,), dtype=float32)
    """
    squares = ops.sum(ops.square(x), axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(squares, epsilon)))


def l2_loss(x: TensorLike, /) -> Tensor:
    """Take half of the sum of all squares.

    Args:
        x: [...], any real dtype.

    Returns:
        0-d, of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.l2_loss([3.0, 4.0])
        Tensor(12.5, shape=(), dtype=float32)
    """
    return ops.divide(ops.sum(ops.square(x)), 2.0)


def local_response_normalization(
    x: TensorLike,
    depth_radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
) -> Tensor:
    """Divide by the strength of neighbouring channels: x / (bias + alpha · Σ x²)^beta.

    Args:
        x: [..., channels], any real dtype.
        depth_radius: The sum goes over so many channels on both sides.
        bias: Keeps the divisor away from zero.
        alpha: The weight of the sum.
        beta: The exponent.

    Returns:
        x's shape, of x's dtype or float32.

    Raises:
        ValueError: `depth_radius` is negative, or x is a single number.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.local_response_normalization([1.0, 1.0, 1.0], depth_radius=1, alpha=3.0, beta=1.0)
        Tensor([0.14285715, 0.1       , 0.14285715], shape=(3,), dtype=float32)

    Source:
        Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification with deep convolutional neural networks".
    """
    x = asarray(x)
    if depth_radius < 0 or not x.ndim:
        raise InvalidValueError(
            f"[local_response_normalization] got depth_radius={depth_radius} and x of shape {x.shape}; use 0 or more, "
            "and at least one axis"
        )
    x = x if x.dtype.kind == "float" else ops.cast(x, "float32")
    row = ops.reshape(ops.square(x), (-1, 1, x.shape[-1], 1))
    ones = ops.ones((1, 2 * depth_radius + 1, 1, 1), x.dtype)
    around = ops.conv2d(
        row, ones, padding="explicit", explicit_padding=(0, 0, depth_radius, depth_radius)
    )
    return x * ops.power(bias + alpha * ops.reshape(around, x.shape), -beta)
