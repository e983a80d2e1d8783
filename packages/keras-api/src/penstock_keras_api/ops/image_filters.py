"""More of `keras.ops.image`: blurring, edges, and how alike two images are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import penstock as ps
from penstock_keras_api.ops.image_warps import on_batches
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t


def gaussian_blur(
    images: Any,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Any:
    """Average pixels with those around, by a bell curve.

    Args:
        images: [batch, height, width, channels], or without a batch, or channels before the sides.
        kernel_size: The window's height and width.
        sigma: The width of the bell in each direction.
        data_format: "channels_last" or "channels_first".

    Returns:
        Images of the same shape; zeros lie around them.
    """
    return on_batches(
        lambda x: blur(_f(x), kernel_size, sigma), images, data_format, "gaussian_blur"
    )


def blur(x: Any, kernel_size: Sequence[int], sigma: Any) -> Any:
    """Average pixels of [batch, height, width, channels] with those around."""
    for axis, (size, width) in enumerate(zip(kernel_size, (sigma[0], sigma[1]), strict=True)):
        weights = ps.reshape(_bell(int(size), width, x.dtype), (-1, 1) if axis == 0 else (1, -1))
        kernel = ps.broadcast_to(weights[:, :, None, None], (*weights.shape, x.shape[-1], 1))
        x = ps.nn.depthwise_conv2d(x, kernel, (1, 1), "same")
    return x


def _bell(size: int, sigma: Any, dtype: Any) -> Any:
    at = ps.cast(ps.arange(0, size, 1), dtype) - (size - 1) / 2
    weights = ps.exp(-ps.square(at / ps.cast(_t(sigma), dtype)) / 2)
    return weights / ps.sum(weights)


def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """Find how fast images change downwards and to the right.

    Args:
        images: [batch, height, width, channels], or without a batch, or channels before the sides.
        data_format: "channels_last" or "channels_first".

    Returns:
        The shape of `images`, and an axis of 2: downwards, to the right.
    """
    x = _f(images)
    down = on_batches(lambda t: ps.image.sobel_edges(t)[..., 0], x, data_format, "sobel_edges")
    right = on_batches(lambda t: ps.image.sobel_edges(t)[..., 1], x, data_format, "sobel_edges")
    return ps.stack([down, right], -1)


def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """Tell how alike two images are in their structure: 1 if they are equal.

    Args:
        image1: [batch, height, width, channels], or without a batch, or channels before the sides.
        image2: Like `image1`.
        max_val: The largest value that there may be.
        filter_size: The side of the windows that are compared.
        filter_sigma: The width of their bell curve.
        k1: Keeps divisors away from 0.
        k2: Keeps divisors away from 0.
        data_format: "channels_last" or "channels_first".

    Returns:
        [batch], or a number.
    """
    from penstock_keras_api import config

    a, b = _f(image1), _f(image2)
    if config.standardize_data_format(data_format) == "channels_first":
        a, b = ps.moveaxis(a, -3, -1), ps.moveaxis(b, -3, -1)
    return ps.image.ssim(a, b, max_val, filter_size, filter_sigma, k1, k2)


ROWS: dict[str, Callable[..., Any]] = {fn.__name__: fn for fn in (gaussian_blur, sobel_edges, ssim)}
