"""Batch normalisation with relu or relu6 behind it in one kernel, and the gradient of both."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops._declare import BLOCKS, Reject, Sample, op
from penstock.ops._samples import FLOATS, array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

_NO_GRADIENT = "gradients are taken before graphs are optimised; differentiate the function, not its optimised graph"


@op(infer="batch_norm", outputs=3, name="core.batch_norm_relu")
def batch_norm_relu(
    x: TensorLike,
    scale: TensorLike,
    offset: TensorLike,
    /,
    epsilon: float = 1e-3,
    ceiling: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise each channel as batch_norm does, then replace negative elements by zero.

    Args:
        x: [..., channels], any real dtype.
        scale: [channels].
        offset: [channels].
        epsilon: Keeps the root away from zero.
        ceiling: What larger elements become; None leaves them.

    Returns:
        The result [..., channels], and the mean [channels] and biased variance [channels] of x.

    Raises:
        ValueError: `scale` or `offset` has not one number for each channel.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> from penstock.ops import batch_norm_relu
        >>> batch_norm_relu([[1.0], [3.0]], [1.0], [0.0], epsilon=0.0)[0][:, 0]
        Tensor([0., 1.], shape=(2,), dtype=float32)
    """


batch_norm_relu.not_differentiable(_NO_GRADIENT)


@batch_norm_relu.reference
def _(x: Any, scale: Any, offset: Any, epsilon: float, ceiling: float | None) -> Any:
    y, mean, variance = _reference("batch_norm")(x, scale, offset, epsilon)
    return np.clip(y, 0, ceiling), mean, variance


def _reference(name: str) -> Any:
    return BLOCKS[name].reference_fn


@batch_norm_relu.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        args = array(rng, (4, 3), dtype), array(rng, (3,), dtype), array(rng, (3,), dtype)
        yield Sample(args, label=dtype)
    per_channel = array(rng, (2,)), array(rng, (2,))
    yield Sample((array(rng, (2, 3, 4, 2)), *per_channel), {"ceiling": 0.5}, label="bounded")


@batch_norm_relu.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((4, 3)), np.ones(4), np.ones(3)), match="one number for each channel")


@op(infer="batch_norm_relu_grad", outputs=3, name="core.batch_norm_relu_grad")
def batch_norm_relu_grad(
    x: TensorLike,
    scale: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    dz: TensorLike,
    offset: TensorLike,
    /,
    epsilon: float = 1e-3,
    ceiling: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the gradients of batch_norm_relu's first result; which elements it cut is computed again.

    Args:
        x: [..., channels], what was normalised.
        scale: [channels].
        mean: [channels], as batch_norm_relu returned it.
        variance: [channels], as batch_norm_relu returned it.
        dz: [..., channels], the gradient of the result.
        offset: [channels].
        epsilon: As given to batch_norm_relu.
        ceiling: As given to batch_norm_relu.

    Returns:
        dx [..., channels], dscale [channels] and doffset [channels], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> from penstock.ops import batch_norm_relu_grad
        >>> batch_norm_relu_grad([[1.0], [3.0]], [1.0], [2.0], [1.0], [[5.0], [7.0]], [0.0], 0.0)[2]
        Tensor([7.], shape=(1,), dtype=float32)
    """


batch_norm_relu_grad.not_differentiable(_NO_GRADIENT)


@batch_norm_relu_grad.reference
def _(
    x: Any, scale: Any, mean: Any, variance: Any, dz: Any, offset: Any, epsilon: float, ceiling: Any
) -> Any:
    y = (x - mean) * (scale / np.sqrt(variance + epsilon)) + offset
    passes = (y > 0) & (y < (np.inf if ceiling is None else ceiling))
    dy = np.where(passes, dz, dz.dtype.type(0))
    return _reference("batch_norm_grad")(x, scale, mean, variance, dy, epsilon)


@batch_norm_relu_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def args(shape: tuple[int, ...], dtype: str) -> tuple[Any, ...]:
        channels = shape[-1:]
        x, scale, mean, offset = (array(rng, s, dtype) for s in (shape, *[channels] * 3))
        variance = array(rng, channels, dtype, 0.5, 2.0)
        return x, scale, mean, variance, array(rng, shape, dtype), offset

    for dtype in FLOATS:
        yield Sample(args((4, 3), dtype), label=dtype)
    yield Sample(args((2, 3, 4, 2), "float64"), {"ceiling": 1.0}, label="bounded")


@batch_norm_relu_grad.rejects
def _() -> Iterator[Reject]:
    c = np.ones(3)
    x = np.ones((4, 3))
    yield Reject((x, c, c, c, np.ones((3, 3)), c), match="the shape of x")
    yield Reject((x, c, c, c, x, np.ones(2)), match="for each channel")
