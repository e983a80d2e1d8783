"""Images changed at random, for training. A seed gives the same change on every device; None draws a new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.errors import InvalidValueError
from penstock.ops.conversion import asarray
from penstock.ops.image_adjust import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
)
from penstock.ops.image_crop import flip_left_right, flip_up_down, images_of

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import ShapeLike, TensorLike


def _between(name: str, low: float, high: float, seed: int | None, least: float) -> Tensor:
    """Draw a number, once for all images."""
    if not least <= low <= high:
        raise InvalidValueError(
            f"[{name}] got the range {low} to {high}; expected one that rises from {least} or more"
        )
    return ops.random_uniform((), low, high, seed=seed)


def random_brightness(images: TensorLike, max_delta: float, seed: int | None = None) -> Tensor:
    """Add a random number to all pixels, from -max_delta to max_delta.

    Args:
        images: [...], an integer or float dtype.
        max_delta: The most, for pixels from 0 to 1.
        seed: None for a new number each time.

    Returns:
        [...], of the dtype of the images; integers are limited to their range.

    Raises:
        ValueError: max_delta is negative.
        TypeError: The images are neither integers nor floats.

    Example:
        >>> x = penstock.image.random_brightness([0.5, 0.5], 0.1, seed=1)
        >>> bool(x[0] == x[1]), bool(penstock.all(penstock.abs(x - 0.5) <= 0.1))
        (True, True)
    """
    return adjust_brightness(
        images, _between("random_brightness", 0, max_delta, seed, 0) * 2 - max_delta
    )


def random_contrast(
    images: TensorLike, lower: float, upper: float, seed: int | None = None
) -> Tensor:
    """Adjust the contrast by a random factor.

    Args:
        images: [..., height, width, channels], an integer or float dtype.
        lower: The least factor.
        upper: The largest.
        seed: None for a new factor each time.

    Returns:
        The shape and dtype of the images; integers are limited to their range.

    Raises:
        ValueError: The factors do not rise from 0.
        IndexError: The images have fewer than 3 axes.
        TypeError: The images are neither integers nor floats.

    Example:
        >>> penstock.image.random_contrast([[[0.25], [0.75]]], 2.0, 2.0)[0, :, 0]
        Tensor([0., 1.], shape=(2,), dtype=float32)
    """
    return adjust_contrast(images, _between("random_contrast", lower, upper, seed, 0))


def random_saturation(
    images: TensorLike, lower: float, upper: float, seed: int | None = None
) -> Tensor:
    """Adjust the saturation by a random factor.

    Args:
        images: [..., 3], an integer or float dtype; floats from 0 to 1.
        lower: The least factor.
        upper: The largest.
        seed: None for a new factor each time.

    Returns:
        [..., 3], of the dtype of the images.

    Raises:
        ValueError: The factors do not rise from 0, or the last axis has not 3 elements.
        TypeError: The images are neither integers nor floats.

    Example:
        >>> penstock.image.random_saturation([1.0, 0.5, 0.5], 0.0, 0.0)
        Tensor([1., 1., 1.], shape=(3,), dtype=float32)
    """
    return adjust_saturation(images, _between("random_saturation", lower, upper, seed, 0))


def random_hue(images: TensorLike, max_delta: float, seed: int | None = None) -> Tensor:
    """Turn the colours by a random part of the circle, from -max_delta to max_delta.

    Args:
        images: [..., 3], an integer or float dtype; floats from 0 to 1.
        max_delta: The most, up to 0.5.
        seed: None for a new number each time.

    Returns:
        [..., 3], of the dtype of the images.

    Raises:
        ValueError: max_delta is out of range, or the last axis has not 3 elements.
        TypeError: The images are neither integers nor floats.

    Example:
        >>> penstock.image.random_hue([0.5, 0.5, 0.5], 0.2)
        Tensor([0.5, 0.5, 0.5], shape=(3,), dtype=float32)
    """
    if max_delta > 0.5:
        raise InvalidValueError(f"[random_hue] got max_delta={max_delta}; use 0 to 0.5")
    return adjust_hue(images, _between("random_hue", 0, max_delta, seed, 0) * 2 - max_delta)


def _flipped(
    name: str, images: TensorLike, flip: Callable[[Tensor], Tensor], seed: int | None
) -> Tensor:
    """Flip each image or not."""
    images = images_of(name, images)
    lead = images.shape[:-3]
    coin = ops.random_uniform((*lead, 1, 1, 1), seed=seed) < 0.5
    return ops.where(coin, flip(images), images)


def random_flip_left_right(images: TensorLike, seed: int | None = None) -> Tensor:
    """Mirror each image or leave it, with even chances.

    Args:
        images: [..., height, width, channels], any dtype.
        seed: None for new choices each time.

    Returns:
        The shape and dtype of the images.

    Raises:
        ValueError: The images have fewer than 3 axes.

    Example:
        >>> penstock.image.random_flip_left_right([[[1], [2]]]).shape
        (1, 2, 1)
    """
    return _flipped("random_flip_left_right", images, flip_left_right, seed)


def random_flip_up_down(images: TensorLike, seed: int | None = None) -> Tensor:
    """Turn each image over or leave it, with even chances.

    Args:
        images: [..., height, width, channels], any dtype.
        seed: None for new choices each time.

    Returns:
        The shape and dtype of the images.

    Raises:
        ValueError: The images have fewer than 3 axes.

    Example:
        >>> penstock.image.random_flip_up_down([[[1]], [[2]]]).shape
        (2, 1, 1)
    """
    return _flipped("random_flip_up_down", images, flip_up_down, seed)


def random_crop(value: TensorLike, size: ShapeLike, seed: int | None = None) -> Tensor:
    """Cut out a part of a given size at a random place, the same for all images.

    Args:
        value: [...], any dtype; its sizes are known.
        size: For each axis, how much to keep.
        seed: None for a new place each time.

    Returns:
        `size`, of the dtype of the value.

    Raises:
        ValueError: There is not one size for each axis, or one is larger than the axis.

    Example:
        >>> image = penstock.zeros((8, 9, 3))
        >>> penstock.image.random_crop(image, (4, 4, 3)).shape
        (4, 4, 3)
    """
    value = asarray(value)
    sizes: list[Any] = list(size) if isinstance(size, (tuple, list)) else [size]
    fits = len(sizes) == value.ndim
    fits = fits and all(0 <= s <= n for s, n in zip(sizes, value.shape, strict=True))
    if not fits:
        raise InvalidValueError(
            f"[random_crop] got size {tuple(sizes)} for a value of shape {value.shape}; expected a size for each "
            "axis, at most that of the axis"
        )
    draws = ops.random_uniform((value.ndim,), dtype="float64", seed=seed)
    for axis, (kept, n) in enumerate(zip(sizes, value.shape, strict=True)):
        if kept == n:
            continue
        first = ops.cast(ops.floor(draws[axis] * (n - kept + 1)), "int64")
        value = ops.take(value, first + ops.arange(kept), axis)
    return value
