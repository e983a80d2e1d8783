"""Parts of images, borders, and images turned and mirrored: all of it moves pixels and computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops.conversion import asarray
from penstock.ops.image_resize import resize

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def images_of(name: str, images: TensorLike) -> Tensor:
    """Make a tensor of images, and check that they have height, width and channels."""
    images = asarray(images)
    if images.ndim < 3:
        raise ShapeError(
            f"[{name}] got images of shape {images.shape}; expected [..., height, width, channels]; reshape them"
        )
    return images


def flip_left_right(images: TensorLike, /) -> Tensor:
    """Mirror images: the first column becomes the last.

    Args:
        images: [..., height, width, channels], any dtype.

    Returns:
        The shape and dtype of the images.

    Raises:
        ValueError: The images have fewer than 3 axes.

    Example:
        >>> penstock.image.flip_left_right([[[1], [2]]])[0, :, 0]
        Tensor([2, 1], shape=(2,), dtype=int64)
    """
    return ops.flip(images_of("flip_left_right", images), -2)


def flip_up_down(images: TensorLike, /) -> Tensor:
    """Turn images over: the first row becomes the last.

    Args:
        images: [..., height, width, channels], any dtype.

    Returns:
        The shape and dtype of the images.

    Raises:
        ValueError: The images have fewer than 3 axes.

    Example:
        >>> penstock.image.flip_up_down([[[1]], [[2]]])[:, 0, 0]
        Tensor([2, 1], shape=(2,), dtype=int64)
    """
    return ops.flip(images_of("flip_up_down", images), -3)


def transpose(images: TensorLike, /) -> Tensor:
    """Exchange height and width.

    Args:
        images: [..., height, width, channels], any dtype.

    Returns:
        [..., width, height, channels].

    Raises:
        ValueError: The images have fewer than 3 axes.

    Example:
        >>> penstock.image.transpose([[[1], [2]]]).shape
        (2, 1, 1)
    """
    return ops.swapaxes(images_of("image.transpose", images), -3, -2)


def rot90(images: TensorLike, k: int = 1) -> Tensor:
    """Turn images by right angles, against the clock.

    Args:
        images: [..., height, width, channels], any dtype.
        k: How many right angles; negative ones turn with the clock.

    Returns:
        The images, with height and width exchanged where k is odd.

    Raises:
        ValueError: The images have fewer than 3 axes.

    Example:
        >>> penstock.image.rot90([[[1], [2]]])[:, 0, 0]
        Tensor([2, 1], shape=(2,), dtype=int64)
    """
    images = images_of("rot90", images)
    if k % 4 == 0:
        return images
    if k % 4 == 1:
        return ops.flip(ops.swapaxes(images, -3, -2), -3)
    if k % 4 == 2:
        return ops.flip(images, (-3, -2))
    return ops.flip(ops.swapaxes(images, -3, -2), -2)


def crop_to_bounding_box(
    images: TensorLike,
    offset_height: int,
    offset_width: int,
    target_height: int,
    target_width: int,
) -> Tensor:
    """Cut a rectangle out.

    Args:
        images: [..., height, width, channels], any dtype.
        offset_height: The first row.
        offset_width: The first column.
        target_height: How many rows.
        target_width: How many columns.

    Returns:
        [..., target_height, target_width, channels].

    Raises:
        ValueError: The images have fewer than 3 axes.
        IndexError: The rectangle leaves the images.

    Example:
        >>> penstock.image.crop_to_bounding_box([[[1], [2], [3]]], 0, 1, 1, 2)[0, :, 0]
        Tensor([2, 3], shape=(2,), dtype=int64)
    """
    images = images_of("crop_to_bounding_box", images)
    lead = images.ndim - 3
    starts = (*(0,) * lead, offset_height, offset_width, 0)
    sizes = (*images.shape[:lead], target_height, target_width, images.shape[-1])
    return ops.slice(images, starts, sizes, (1,) * images.ndim)


def central_crop(images: TensorLike, central_fraction: float) -> Tensor:
    """Cut out the middle.

    Args:
        images: [..., height, width, channels], any dtype; height and width are known.
        central_fraction: How much of height and width to keep, above 0 and up to 1.

    Returns:
        The middle of the images; what is cut off on both sides is ⌊(size - size·fraction) / 2⌋.

    Raises:
        ValueError: The images have fewer than 3 axes, or the fraction is out of range.

    Example:
        >>> penstock.image.central_crop([[[1], [2], [3], [4]]], 0.5)[0, :, 0]
        Tensor([2, 3], shape=(2,), dtype=int64)
    """
    images = images_of("central_crop", images)
    if not 0 < central_fraction <= 1:
        raise InvalidValueError(
            f"[central_crop] got central_fraction={central_fraction}; use a number above 0, up to 1"
        )
    height, width = (int(n) for n in images.shape[-3:-1])
    top, left = (int((n - n * central_fraction) / 2) for n in (height, width))
    return crop_to_bounding_box(images, top, left, height - 2 * top, width - 2 * left)


def pad_to_bounding_box(
    images: TensorLike,
    offset_height: int,
    offset_width: int,
    target_height: int,
    target_width: int,
) -> Tensor:
    """Put images into larger ones of zeros.

    Args:
        images: [..., height, width, channels], any dtype; height and width are known.
        offset_height: How many rows of zeros stand above.
        offset_width: How many columns of zeros stand on the left.
        target_height: The height of the result.
        target_width: Its width.

    Returns:
        [..., target_height, target_width, channels].

    Raises:
        ValueError: The images have fewer than 3 axes, or do not fit.

    Example:
        >>> penstock.image.pad_to_bounding_box([[[7]]], 0, 1, 1, 3)[0, :, 0]
        Tensor([0, 7, 0], shape=(3,), dtype=int64)
    """
    images = images_of("pad_to_bounding_box", images)
    height, width = (int(n) for n in images.shape[-3:-1])
    below = target_height - offset_height - height
    right = target_width - offset_width - width
    if min(offset_height, offset_width, below, right) < 0:
        raise InvalidValueError(
            f"[pad_to_bounding_box] images of {height} by {width} do not fit into {target_height} by {target_width} "
            f"at ({offset_height}, {offset_width}); use a larger target, or crop_to_bounding_box"
        )
    lead = ((0, 0),) * (images.ndim - 3)
    return ops.pad(images, (*lead, (offset_height, below), (offset_width, right), (0, 0)))


def resize_with_crop_or_pad(images: TensorLike, target_height: int, target_width: int) -> Tensor:
    """Cut the middle out, or put the images into the middle of zeros: each side as it needs.

    Args:
        images: [..., height, width, channels], any dtype; height and width are known.
        target_height: The height of the result.
        target_width: Its width.

    Returns:
        [..., target_height, target_width, channels].

    Raises:
        ValueError: The images have fewer than 3 axes, or a target is not positive.

    Example:
        >>> penstock.image.resize_with_crop_or_pad([[[1], [2], [3]]], 1, 1)[0, :, 0]
        Tensor([2], shape=(1,), dtype=int64)
    """
    images = images_of("resize_with_crop_or_pad", images)
    if min(target_height, target_width) < 1:
        raise InvalidValueError(
            f"[resize_with_crop_or_pad] got {target_height} by {target_width}; use sizes of 1 or more"
        )
    target = target_height, target_width
    sizes = tuple(int(n) for n in images.shape[-3:-1])
    kept = min(sizes[0], target_height), min(sizes[1], target_width)
    top, left = (max(n - t, 0) // 2 for n, t in zip(sizes, target, strict=True))
    above, before = (max(t - n, 0) // 2 for n, t in zip(sizes, target, strict=True))
    middle = crop_to_bounding_box(images, top, left, *kept)
    return pad_to_bounding_box(middle, above, before, target_height, target_width)


def resize_with_pad(
    images: TensorLike,
    target_height: int,
    target_width: int,
    method: str = "bilinear",
    antialias: bool = False,
) -> Tensor:
    """Resize images to fit, keep their proportions, and put zeros round them.

    Args:
        images: [height, width, channels] or [batch, height, width, channels], any real dtype; sizes are known.
        target_height: The height of the result.
        target_width: Its width.
        method: As for `resize`.
        antialias: As for `resize`.

    Returns:
        The images with that height and width, of their dtype or float32.

    Raises:
        ValueError: The images have neither 3 nor 4 axes, a target is not positive, or the method is unknown.
        TypeError: The images are complex or strings.

    Example:
        >>> penstock.image.resize_with_pad(penstock.ones((1, 2, 1)), 2, 2)[:, 0, 0]
        Tensor([1., 0.], shape=(2,), dtype=float32)
    """
    images = images_of("resize_with_pad", images)
    height, width = (int(n) for n in images.shape[-3:-1])
    if min(target_height, target_width) < 1:
        raise InvalidValueError(
            f"[resize_with_pad] got {target_height} by {target_width}; use sizes of 1 or more"
        )
    ratio = max(width / target_width, height / target_height)
    exact = height / ratio, width / ratio
    inner = max(int(exact[0]), 1), max(int(exact[1]), 1)
    resized = resize(images, inner, method, antialias=antialias)
    margin = int((target_height - exact[0]) / 2), int((target_width - exact[1]) / 2)
    return pad_to_bounding_box(resized, *margin, target_height, target_width)


def extract_patches(
    images: TensorLike, sizes: Any, strides: Any = 1, rates: Any = 1, padding: str = "valid"
) -> Tensor:
    """Write every window of the images in one row of channels.

    Args:
        images: [batch, height, width, channels], any float dtype; the channels are known.
        sizes: Height and width of the window: one number, or one for each side.
        strides: Steps between windows.
        rates: Steps between the pixels of a window.
        padding: "valid" (none) or "same" (zeros, so that the result has ceil(size / stride) rows and columns).

    Returns:
        [batch, rows, columns, size·size·channels], of the dtype of the images.

    Raises:
        ValueError: The images have not 4 axes, or a window does not fit.
        TypeError: The images are complex or strings.

    Example:
        >>> x = penstock.reshape([1.0, 2.0, 3.0], (1, 1, 3, 1))
        >>> penstock.image.extract_patches(x, (1, 2))[0, 0]
        Tensor([[1., 2.],
                [2., 3.]], shape=(2, 2), dtype=float32)
    """
    images = images_of("extract_patches", images)
    height, width = (sizes, sizes) if isinstance(sizes, int) else sizes
    channels = int(images.shape[-1])
    n = int(height) * int(width)
    # A depthwise convolution whose filters each pick one pixel; [c, n] becomes [n, c].
    picks = ops.reshape(ops.eye(n, dtype=images.dtype), (height, width, 1, n))
    filters = ops.tile(picks, (1, 1, channels, 1))
    found = ops.depthwise_conv2d(images, filters, strides, padding, dilations=rates)
    split = ops.reshape(found, (*found.shape[:3], channels, n))
    return ops.reshape(ops.swapaxes(split, -1, -2), (*found.shape[:3], n * channels))
