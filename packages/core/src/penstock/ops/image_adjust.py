"""Brighter, stronger, turned colours; and the dtypes of pixels.

Integers stand for 0 to their largest value, floats for 0 to 1. What computes in floats gives integers back rounded as
TensorFlow does: by cutting x·(largest + 1/2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock import dtypes, ops
from penstock.errors import DTypeError, InvalidValueError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, TensorLike


def largest(dtype: Any) -> int:
    """Return the largest number of an integer dtype."""
    bits = dtype.itemsize * 8
    return int(2 ** (bits - (dtype.kind == "signed")) - 1)


def convert_image_dtype(image: TensorLike, dtype: DTypeLike, saturate: bool = False) -> Tensor:
    """Convert pixels to another dtype, and scale them: a float 1 is an integer's largest value.

    Args:
        image: [...], an integer or float dtype.
        dtype: An integer or float dtype.
        saturate: Limit floats to 0 ... 1 before they become integers; others wrap round.

    Returns:
        [...], of `dtype`.

    Raises:
        TypeError: One of the dtypes is neither integer nor float.

    Example:
        >>> penstock.image.convert_image_dtype([0.0, 0.5, 1.0], "uint8")
        Tensor([  0, 127, 255], shape=(3,), dtype=uint8)
    """
    image, wanted = asarray(image), dtypes.as_dtype(dtype)
    for kind in (image.dtype, wanted):
        if kind.kind not in ("signed", "unsigned", "float"):
            raise DTypeError(
                f"[convert_image_dtype] got {kind.name}; expected an integer or float dtype; convert it: "
                "image.astype(penstock.float32)"
            )
    if image.dtype == wanted:
        return image
    if wanted.kind == "float":
        return _as_float(image, wanted)
    if image.dtype.kind == "float":
        top = largest(wanted)
        scaled = image * (top + 0.5)
        clipped = ops.astype(ops.clip(scaled, 0, float(top)) if saturate else scaled, wanted)
        # Where a float has no room for top + 0.5, that is one more than the integer holds.
        reaches = (image >= 1) if saturate else (image == 1)
        return ops.where(reaches, ops.full_like(clipped, top), clipped)
    return _integers(image, wanted)


def _as_float(image: Tensor, wanted: Any) -> Tensor:
    if image.dtype.kind == "float":
        return ops.astype(image, wanted)
    return ops.astype(image, wanted) * (1.0 / largest(image.dtype))


def _integers(image: Tensor, wanted: Any) -> Tensor:
    """Keep the highest bits."""
    before, after = largest(image.dtype), largest(wanted)
    if before > after:
        return ops.astype(ops.floor_divide(image, (before + 1) // (after + 1)), wanted)
    return ops.astype(image, wanted) * ((after + 1) // (before + 1))


def in_floats(images: TensorLike, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Change pixels in floats from 0 to 1, and give them back in their own dtype."""
    images = asarray(images)
    if images.dtype.kind == "float":
        return change(images)
    changed = change(convert_image_dtype(images, "float32"))
    return convert_image_dtype(changed, images.dtype, saturate=True)


def rgb_to_grayscale(images: TensorLike, /) -> Tensor:
    """Weigh the colours by how bright they look: y = 0.2989 R + 0.587 G + 0.114 B.

    Args:
        images: [..., 3], an integer or float dtype.

    Returns:
        [..., 1], of the dtype of the images.

    Raises:
        ValueError: The last axis has not 3 elements.
        TypeError: The images are neither integers nor floats.

    Example:
        >>> penstock.image.rgb_to_grayscale([1.0, 0.0, 0.0])
        Tensor([0.2989], shape=(1,), dtype=float32)
    """
    return in_floats(images, ops.rgb_to_grayscale_)


def grayscale_to_rgb(images: TensorLike, /) -> Tensor:
    """Repeat brightness for red, green and blue.

    Args:
        images: [..., 1], any dtype.

    Returns:
        [..., 3], of the dtype of the images.

    Raises:
        ValueError: The last axis has not 1 element.

    Example:
        >>> penstock.image.grayscale_to_rgb([0.5])
        Tensor([0.5, 0.5, 0.5], shape=(3,), dtype=float32)
    """
    images = asarray(images)
    if images.ndim < 1 or images.shape[-1] != 1:
        raise InvalidValueError(
            f"[grayscale_to_rgb] got images of shape {images.shape}; expected one number for each pixel, [..., 1]; "
            "insert an axis: images[..., None]"
        )
    return ops.concat([images, images, images], axis=-1)


def adjust_brightness(images: TensorLike, delta: TensorLike) -> Tensor:
    """Add to every pixel: y = x + delta.

    Args:
        images: [...], an integer or float dtype.
        delta: What to add, for pixels from 0 to 1.

    Returns:
        [...], of the dtype of the images; integers are limited to their range.

    Raises:
        TypeError: The images are neither integers nor floats.

    Example:
        >>> penstock.image.adjust_brightness([0.25, 0.5], 0.25)
        Tensor([0.5 , 0.75], shape=(2,), dtype=float32)
    """
    return in_floats(images, lambda x: x + ops.astype(delta, x.dtype))


def adjust_contrast(images: TensorLike, contrast_factor: TensorLike) -> Tensor:
    """Move pixels away from the mean of their channel: y = (x - mean)·factor + mean.

    Args:
        images: [..., height, width, channels], an integer or float dtype.
        contrast_factor: 1 changes nothing, 0 leaves only the mean.

    Returns:
        The shape and dtype of the images; integers are limited to their range.

    Raises:
        IndexError: The images have fewer than 3 axes.
        TypeError: The images are neither integers nor floats.

    Example:
        >>> penstock.image.adjust_contrast([[[0.25], [0.75]]], 2.0)[0, :, 0]
        Tensor([0., 1.], shape=(2,), dtype=float32)
    """

    def change(x: Tensor) -> Tensor:
        mean = ops.mean(x, (-3, -2), keepdims=True)
        return (x - mean) * ops.astype(contrast_factor, x.dtype) + mean

    return in_floats(images, change)


def adjust_gamma(images: TensorLike, gamma: float = 1.0, gain: float = 1.0) -> Tensor:
    """Bend brightness: y = gain·x^gamma.

    Args:
        images: [...], an integer or float dtype.
        gamma: Below 1 the picture grows brighter, above darker.
        gain: What to multiply by.

    Returns:
        [...], of the dtype of the images; integers are limited to their range.

    Raises:
        ValueError: gamma is negative.
        TypeError: The images are neither integers nor floats.

    Example:
        >>> penstock.image.adjust_gamma([0.5, 1.0], 2.0)
        Tensor([0.25, 1.  ], shape=(2,), dtype=float32)
    """
    if gamma < 0:
        raise InvalidValueError(f"[adjust_gamma] got gamma={gamma}; use 0 or more")
    return in_floats(images, lambda x: ops.power(x, gamma) * gain)


def adjust_hue(images: TensorLike, delta: TensorLike) -> Tensor:
    """Turn the colours: the hue of each pixel goes up by delta, modulo 1.

    Args:
        images: [..., 3], an integer or float dtype; floats from 0 to 1.
        delta: From -1 to 1; 1/3 makes red green.

    Returns:
        [..., 3], of the dtype of the images.

    Raises:
        ValueError: The last axis has not 3 elements.
        TypeError: The images are neither integers nor floats.

    Example:
        >>> penstock.round(penstock.image.adjust_hue([1.0, 0.0, 0.0], 0.5))
        Tensor([0., 1., 1.], shape=(3,), dtype=float32)
    """

    def change(x: Tensor) -> Tensor:
        hsv = ops.rgb_to_hsv(x)
        hue = ops.remainder(hsv[..., :1] + ops.astype(delta, x.dtype), 1.0)
        return ops.hsv_to_rgb(ops.concat([hue, hsv[..., 1:]], axis=-1))

    return in_floats(images, change)


def adjust_saturation(images: TensorLike, saturation_factor: TensorLike) -> Tensor:
    """Make the colours stronger or weaker: the saturation of each pixel is multiplied, and limited to 1.

    Args:
        images: [..., 3], an integer or float dtype; floats from 0 to 1.
        saturation_factor: 0 makes everything gray, 1 changes nothing.

    Returns:
        [..., 3], of the dtype of the images.

    Raises:
        ValueError: The last axis has not 3 elements.
        TypeError: The images are neither integers nor floats.

    Example:
        >>> penstock.image.adjust_saturation([1.0, 0.5, 0.5], 0.0)
        Tensor([1., 1., 1.], shape=(3,), dtype=float32)
    """

    def change(x: Tensor) -> Tensor:
        hsv = ops.rgb_to_hsv(x)
        strong = ops.clip(hsv[..., 1:2] * ops.astype(saturation_factor, x.dtype), 0.0, 1.0)
        return ops.hsv_to_rgb(ops.concat([hsv[..., :1], strong, hsv[..., 2:]], axis=-1))

    return in_floats(images, change)


def per_image_standardization(images: TensorLike, /) -> Tensor:
    """Give each image the mean 0 and the variance 1: y = (x - mean) / max(deviation, 1/√n) for n numbers.

    Args:
        images: [..., height, width, channels], any real dtype; integers are taken as float32.

    Returns:
        The shape of the images, of their dtype or float32.

    Raises:
        IndexError: The images have fewer than 3 axes.
        TypeError: The images are complex or strings.

    Example:
        >>> penstock.image.per_image_standardization([[[1.0], [3.0]]])[0, :, 0]
        Tensor([-1.,  1.], shape=(2,), dtype=float32)
    """
    x = asarray(images)
    x = x if x.dtype.kind == "float" else ops.astype(x, "float32")
    axes = (-3, -2, -1)
    centred = x - ops.mean(x, axes, keepdims=True)
    deviation = ops.sqrt(ops.mean(ops.square(centred), axes, keepdims=True))
    least = ops.rsqrt(asarray(ops.count(x.shape[-3:], x.dtype), dtype=x.dtype))
    return centred / ops.maximum(deviation, least)
