"""Batch normalisation."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import count
from penstock.ops._samples import FLOATS, array
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="batch_norm", outputs=3)
def batch_norm(
    x: TensorLike, scale: TensorLike, offset: TensorLike, /, epsilon: float = 1e-3
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise each channel over all other axes: y = scale · (x - mean) / √(variance + ε) + offset.

    This is the form for training; `penstock.nn.batch_norm_inference` takes a given mean and variance.

    Args:
        x: [..., channels], any real dtype.
        scale: [channels].
        offset: [channels].
        epsilon: Keeps the root away from zero.

    Returns:
        y [..., channels], and the mean [channels] and biased variance [channels] of x, of the promoted dtype.

    Raises:
        ValueError: `scale` or `offset` has not one number for each channel.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> y, mean, variance = penstock.nn.batch_norm([[1.0], [3.0]], [1.0], [0.0], epsilon=0.0)
        >>> y[:, 0], mean, variance
        (Tensor([-1.,  1.], shape=(2,), dtype=float32), Tensor([2.], shape=(1,), dtype=float32), Tensor([1.], shape=(1,), dtype=float32))

    Source:
        Ioffe and Szegedy, 2015, "Batch normalization: accelerating deep network training by reducing
        internal covariate shift", algorithm 1. https://arxiv.org/abs/1502.03167
    """


@batch_norm.reference
def _(x: Any, scale: Any, offset: Any, epsilon: float) -> Any:
    x = wider(x)
    leading = tuple(range(x.ndim - 1))
    mean = x.sum(leading) / (x.size / x.shape[-1] if x.size else np.nan)
    centred = x - mean
    variance = (centred**2).sum(leading) / (x.size / x.shape[-1] if x.size else np.nan)
    return centred * (scale / np.sqrt(variance + epsilon)) + offset, mean, variance


@batch_norm.vjp
def _(node: Node, dy: Any, dmean: Any = None, dvariance: Any = None) -> Gradients:
    x, scale, _ = node.inputs
    _, mean, variance = node.outputs
    dx, dscale, doffset = None, None, None
    if dy is not None:
        epsilon = node.attrs["epsilon"]
        dx, dscale, doffset = ops.batch_norm_grad(x, scale, mean, variance, dy, epsilon)
    n = count(x.shape[:-1], x.dtype)
    if dmean is not None:
        dx = dmean / n + (0.0 if dx is None else dx)
    if dvariance is not None:
        dx = (x - mean) * (dvariance * 2.0 / n) + (0.0 if dx is None else dx)
    if dx is not None and dx.ndim != x.ndim:  # only the mean was used
        dx = ops.broadcast_to(dx, x.shape)
    return dx, dscale, doffset


@batch_norm.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        args = array(rng, (4, 3), dtype), array(rng, (3,), dtype), array(rng, (3,), dtype)
        yield Sample(args, label=dtype)
    per_channel = array(rng, (2,)), array(rng, (2,))
    yield Sample((array(rng, (2, 3, 4, 2)), *per_channel), {"epsilon": 0.1}, label="images")
    yield Sample((array(rng, (2, 4)).T, *per_channel), label="strided")
    yield Sample((array(rng, (4099, 2)), *per_channel), label="large", differentiable=False)


@batch_norm.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((4, 3)), np.ones(4), np.ones(3)), match="one number for each channel")
    yield Reject(
        (np.ones((4, 3)), np.ones(3), np.ones((1, 3))), match="one number for each channel"
    )


@op(infer="batch_norm_grad", outputs=3)
def batch_norm_grad(
    x: TensorLike,
    scale: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    dy: TensorLike,
    /,
    epsilon: float = 1e-3,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the gradients of batch_norm's y, seen through the mean and the variance too.

    With x̂ = (x - mean) / √(variance + ε) and M for the mean over all axes but the last:
    dx = scale / √(variance + ε) · (dy - M(dy) - x̂ · M(dy · x̂)).

    Args:
        x: [..., channels], what was normalised.
        scale: [channels].
        mean: [channels], as batch_norm returned it.
        variance: [channels], as batch_norm returned it.
        dy: [..., channels], the gradient of y.
        epsilon: As given to batch_norm.

    Returns:
        dx [..., channels], dscale [channels] and doffset [channels], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> dx, dscale, doffset = penstock.ops.batch_norm_grad(
        ...     [[1.0], [3.0]], [1.0], [2.0], [1.0], [[1.0], [0.0]], epsilon=0.0)
        >>> dscale, doffset
        (Tensor([-1.], shape=(1,), dtype=float32), Tensor([1.], shape=(1,), dtype=float32))
    """


@batch_norm_grad.reference
def _(x: Any, scale: Any, mean: Any, variance: Any, dy: Any, epsilon: float) -> Any:
    x, dy = wider(x), wider(dy)
    leading = tuple(range(x.ndim - 1))
    n = x.size / x.shape[-1] if x.size else np.nan
    root = np.sqrt(wider(variance) + epsilon)
    normal = (x - mean) / root
    dscale, doffset = (dy * normal).sum(leading), dy.sum(leading)
    return scale / root * (dy - doffset / n - normal * (dscale / n)), dscale, doffset


@batch_norm_grad.vjp
def _(node: Node, gx: Any, gscale: Any = None, goffset: Any = None) -> Gradients:
    x, scale, mean, variance, dy = node.inputs
    leading = tuple(range(x.ndim - 1))
    n = count(x.shape[:-1], x.dtype)
    inverse = ops.rsqrt(variance + node.attrs["epsilon"])
    centred = x - mean
    normal = centred * inverse
    _, dscale, doffset = node.outputs
    # With p = gx · scale · inverse the part of dx is Σ p · bracket; dscale and doffset add gscale and goffset.
    gx = ops.zeros_like(x) if gx is None else gx
    bracket = dy - doffset / n - normal * (dscale / n)
    p = gx * (scale * inverse)
    p_normal = ops.sum(p * normal, leading) / n
    weight = p_normal if gscale is None else p_normal - gscale
    shift = ops.sum(p, leading) / n
    ddy = p - (shift if goffset is None else shift - goffset) - normal * weight
    dnormal = -(p * (dscale / n)) - dy * weight
    per_channel = ops.sum(gx * bracket, leading)
    dinverse = ops.sum(dnormal * centred, leading) + per_channel * scale
    dx = dnormal * inverse
    dvariance = dinverse * inverse * inverse * inverse * -0.5
    return dx, per_channel * inverse, -ops.sum(dx, leading), dvariance, ddy


@batch_norm_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def args(shape: tuple[int, ...], dtype: str) -> tuple[Any, ...]:
        channels = shape[-1:]
        x, scale, mean = (array(rng, s, dtype) for s in (shape, channels, channels))
        return x, scale, mean, array(rng, channels, dtype, 0.5, 2.0), array(rng, shape, dtype)

    for dtype in FLOATS:
        yield Sample(args((4, 3), dtype), label=dtype)
    yield Sample(args((2, 3, 4, 2), "float64"), {"epsilon": 0.1}, label="images")
    yield Sample(args((4099, 2), "float64"), label="large", differentiable=False)


@batch_norm_grad.rejects
def _() -> Iterator[Reject]:
    c = np.ones(3)
    yield Reject((np.ones((4, 3)), c, c, c, np.ones((3, 3))), match="the shape of x")
    yield Reject((np.ones((4, 3)), c, np.ones(2), c, np.ones((4, 3))), match="for each channel")


def batch_norm_inference(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    scale: TensorLike,
    offset: TensorLike,
    *,
    epsilon: float = 1e-3,
) -> Tensor:
    """Normalise each channel by a given mean and variance.

    y = scale · (x - mean) / √(variance + ε) + offset.

    Args:
        x: [..., channels], any real dtype.
        mean: [channels], usually a running average from training.
        variance: [channels], likewise.
        scale: [channels].
        offset: [channels].
        epsilon: As in training.

    Returns:
        [..., channels], of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: A tensor is a string tensor.

    Example:
        >>> penstock.nn.batch_norm_inference([[1.0], [3.0]], [2.0], [1.0], [1.0], [0.0], epsilon=0.0)
        Tensor([[-1.],
                [ 1.]], shape=(2, 1), dtype=float32)
    """
    factor = ops.multiply(scale, ops.rsqrt(ops.add(variance, epsilon)))
    return ops.add(ops.multiply(ops.subtract(x, mean), factor), offset)
