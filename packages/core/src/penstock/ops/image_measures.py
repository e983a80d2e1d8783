"""Images compared with each other, and their edges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import ShapeError
from penstock.ops.conversion import asarray
from penstock.ops.image_crop import images_of

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def _pair(name: str, a: TensorLike, b: TensorLike, max_val: float) -> tuple[Tensor, Tensor]:
    """Make floats of two sets of images; integers keep their numbers."""
    first, second = images_of(name, a), images_of(name, b)
    if first.ndim != second.ndim or any(
        m != n for m, n in zip(first.shape, second.shape, strict=True)
    ):
        raise ShapeError(
            f"[{name}] got images of shape {first.shape} and {second.shape}; expected equal shapes; resize one"
        )
    x, y = (t if t.dtype.kind == "float" else ops.astype(t, "float32") for t in (first, second))
    return x * (1 / max_val), y * (1 / max_val)


def psnr(a: TensorLike, b: TensorLike, max_val: float) -> Tensor:
    """Compare images by their peak signal-to-noise ratio: 20 log₁₀(max_val) - 10 log₁₀(mean (a - b)²), in decibels.

    Args:
        a: [..., height, width, channels], any real dtype.
        b: The same shape.
        max_val: The difference between the largest and the smallest pixel there can be.

    Returns:
        [...], a float; infinite where the images are equal.

    Raises:
        ValueError: The shapes differ, or have fewer than 3 axes.

    Example:
        >>> penstock.image.psnr(penstock.zeros((2, 2, 1)), penstock.full((2, 2, 1), 0.1), 1.0)
        Tensor(20., shape=(), dtype=float32)
    """
    x, y = _pair("psnr", a, b, max_val)
    error = ops.mean(ops.squared_difference(x, y), (-3, -2, -1))
    return ops.log(error) * (-10 / math.log(10))


def ssim(
    a: TensorLike,
    b: TensorLike,
    max_val: float,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Tensor:
    """Compare images by their structural similarity: means, spreads and correlation under a small bell-shaped window.

    Args:
        a: [..., height, width, channels], any real dtype; the sizes are known.
        b: The same shape.
        max_val: The difference between the largest and the smallest pixel there can be.
        filter_size: Height and width of the window.
        filter_sigma: How wide the bell is.
        k1: Keeps means of 0 apart.
        k2: Keeps spreads of 0 apart.

    Returns:
        [...], a float: 1 for equal images, averaged over windows and channels.

    Raises:
        ValueError: The shapes differ, have fewer than 3 axes, or are smaller than the window.

    Example:
        >>> x = penstock.reshape(penstock.arange(256.0) / 256, (16, 16, 1))
        >>> bool(penstock.abs(penstock.image.ssim(x, x, 1.0) - 1) < 1e-5)
        True

    Source:
        Wang and others, 2004, "Image quality assessment: from error visibility to structural similarity".
    """
    x, y = _pair("ssim", a, b, max_val)
    if min(int(n) for n in x.shape[-3:-1]) < filter_size:
        raise ShapeError(
            f"[ssim] got images of shape {x.shape} for a window of {filter_size}; use filter_size=... up to their "
            "smaller side"
        )
    place = np.arange(filter_size) - (filter_size - 1) / 2
    bell = np.exp(-(place**2) / (2 * filter_sigma**2))
    bell = np.outer(bell, bell) / bell.sum() ** 2

    mean_x, mean_y = _filtered(x, bell), _filtered(y, bell)
    product = mean_x * mean_y
    squares = ops.square(mean_x) + ops.square(mean_y)
    light = (product * 2 + k1**2) / (squares + k1**2)
    shared = _filtered(x * y, bell) * 2 - product * 2
    spread = _filtered(ops.square(x) + ops.square(y), bell) - squares
    return ops.mean(light * (shared + k2**2) / (spread + k2**2), (-3, -2, -1))


def _filtered(x: Tensor, window: Any) -> Tensor:
    """Weigh every window of every channel."""
    lead, (height, width, channels) = x.shape[:-3], x.shape[-3:]
    weights = np.repeat(window[:, :, None, None], int(channels), axis=2)
    flat = ops.reshape(x, (-1, height, width, channels))
    y = ops.depthwise_conv2d(flat, asarray(weights, dtype=x.dtype))
    return ops.reshape(y, (*lead, *y.shape[1:]))


def total_variation(images: TensorLike, /) -> Tensor:
    """Sum the differences between neighbouring pixels: how rough an image is.

    Args:
        images: [..., height, width, channels], any numeric dtype.

    Returns:
        [...], of the dtype of the images.

    Raises:
        ValueError: The images have fewer than 3 axes.

    Example:
        >>> penstock.image.total_variation([[[1.0], [3.0]]])
        Tensor(2., shape=(), dtype=float32)
    """
    dy, dx = _steps(images_of("total_variation", images))
    axes = (-3, -2, -1)
    return ops.sum(ops.abs(dy), axes) + ops.sum(ops.abs(dx), axes)


def _steps(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., 1:, :, :] - x[..., :-1, :, :], x[..., 1:, :] - x[..., :-1, :]


def image_gradients(images: TensorLike, /) -> tuple[Tensor, Tensor]:
    """Take the steps to the next row and to the next column; the last ones are 0.

    Args:
        images: [..., height, width, channels], any numeric dtype.

    Returns:
        The steps down and the steps to the right, both of the shape of the images.

    Raises:
        ValueError: The images have fewer than 3 axes.

    Example:
        >>> dy, dx = penstock.image.image_gradients([[[1.0], [3.0]]])
        >>> dx[0, :, 0]
        Tensor([2., 0.], shape=(2,), dtype=float32)
    """
    x = images_of("image_gradients", images)
    dy, dx = _steps(x)
    lead = ((0, 0),) * (x.ndim - 3)
    down = ops.pad(dy, (*lead, (0, 1), (0, 0), (0, 0)))
    return down, ops.pad(dx, (*lead, (0, 0), (0, 1), (0, 0)))


def sobel_edges(images: TensorLike, /) -> Tensor:
    """Take Sobel's slopes, down and to the right; the border is mirrored.

    Args:
        images: [batch, height, width, channels], a float dtype, of at least 2 by 2 pixels.

    Returns:
        [batch, height, width, channels, 2].

    Raises:
        ValueError: The images have not 4 axes.

    Example:
        >>> x = penstock.reshape(penstock.arange(9.0), (1, 3, 3, 1))
        >>> penstock.image.sobel_edges(x)[0, 1, 1, 0]
        Tensor([24.,  8.], shape=(2,), dtype=float32)
    """
    x = images_of("sobel_edges", images)
    x = ops.concat([x[..., 1:2, :, :], x, x[..., -2:-1, :, :]], -3)
    x = ops.concat([x[..., 1:2, :], x, x[..., -2:-1, :]], -2)
    down = np.array([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]])
    return ops.stack([_filtered(x, down), _filtered(x, down.T)], -1)
