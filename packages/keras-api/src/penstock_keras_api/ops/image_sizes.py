"""More of `keras.ops.image`: other sizes, and parts of images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import config
from penstock_keras_api.ops.image_warps import on_batches
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t

_METHODS: Final = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Give images another size.

    Args:
        images: [batch, height, width, channels], or without a batch, or channels before the sides.
        size: Height and width of the result.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        antialias: Whether pixels of a smaller result are means of all pixels under them.
        crop_to_aspect_ratio: Whether the ratio of the sides is kept by cutting off what is too long.
        pad_to_aspect_ratio: Whether it is kept by filling up what is too short.
        fill_mode: "constant".
        fill_value: With what to fill up.
        data_format: "channels_last" or "channels_first".

    Returns:
        Images of that size, of the same dtype.

    Raises:
        ValueError: An argument is not one of these, or they contradict each other.
    """
    if interpolation not in _METHODS:
        raise InvalidValueError(
            f"[resize] got interpolation={interpolation!r}; use one of {', '.join(_METHODS)}"
        )
    if len(size) != 2 or (crop_to_aspect_ratio and pad_to_aspect_ratio) or fill_mode != "constant":
        raise InvalidValueError(
            f"[resize] got size={size!r}, fill_mode={fill_mode!r} and {crop_to_aspect_ratio=}, {pad_to_aspect_ratio=}; "
            "use (height, width), 'constant', and at most one of the two"
        )
    height, width = (int(n) for n in size)

    def scale(x: Any) -> Any:
        if crop_to_aspect_ratio:
            x = _cropped(x, height, width)
        if pad_to_aspect_ratio:
            x = _filled(x, height, width, fill_value)
        made = ps.image.resize(x, (height, width), interpolation, antialias=antialias)
        if made.dtype == x.dtype or x.dtype.kind not in ("signed", "unsigned"):
            return ps.cast(made, x.dtype)
        from penstock_keras_api.ops.parts import saturate_cast

        return saturate_cast(ps.round(made), x.dtype)

    return on_batches(scale, images, data_format, "resize")


def _cropped(x: Any, height: int, width: int) -> Any:
    """Cut off what is too long for a ratio, on both sides alike."""
    tall, broad = x.shape[1], x.shape[2]
    new_tall = min(tall, int(broad * height / width))
    new_broad = min(broad, int(tall * width / height))
    top, left = int((tall - new_tall) / 2), int((broad - new_broad) / 2)
    return x[:, top : top + new_tall, left : left + new_broad]


def _filled(x: Any, height: int, width: int, fill_value: float) -> Any:
    """Fill up what is too short for a ratio, on both sides by the same number, as Keras does."""
    tall, broad = x.shape[1], x.shape[2]
    top = (max(tall, int(broad * height / width)) - tall) // 2
    left = (max(broad, int(tall * width / height)) - broad) // 2
    return ps.pad(x, ((0, 0), (top, top), (left, left), (0, 0)), constant_values=fill_value)


def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Any:
    """Scale and move along some axes: what was at x comes to lie at scale · x + translation.

    Args:
        images: [...].
        output_shape: The shape of the result.
        scale: [axes], a factor for each of `spatial_dims`.
        translation: [axes], in elements of the result.
        spatial_dims: Which axes; all others keep their size.
        method: "linear", "bilinear", "trilinear", "triangle", "cubic", "bicubic", "tricubic", "lanczos3" or "lanczos5".
        antialias: Whether elements of a smaller result are means of all elements under them.

    Returns:
        [*output_shape], a float dtype.

    Raises:
        ValueError: There is no such method.
    """
    if method not in _KERNELS:
        raise InvalidValueError(
            f"[scale_and_translate] got method={method!r}; use one of {', '.join(_KERNELS)}"
        )
    x, factors, shifts = _f(images), _f(scale), _f(translation)
    for n, axis in enumerate(spatial_dims):
        axis = axis % x.ndim
        weights = _weights(
            x.shape[axis], output_shape[axis], factors[n], shifts[n], _KERNELS[method], antialias
        )
        moved = ps.moveaxis(x, axis, -1)
        x = ps.moveaxis(ps.matmul(moved, ps.cast(weights, x.dtype)), -1, axis)
    return x


def _weights(size: Any, wanted: int, factor: Any, shift: Any, kernel: Any, antialias: bool) -> Any:
    """Return how much each of `size` elements counts for each of `wanted` ones."""
    step = 1 / factor
    spread = ps.maximum(step, 1.0) if antialias else ps.ones_like(step)
    centres = (ps.cast(ps.arange(0, wanted, 1), "float32") + 0.5) * step - shift * step - 0.5
    places = ps.cast(ps.arange(0, size, 1), "float32")
    weights = kernel(ps.abs(centres[None, :] - places[:, None]) / spread)
    total = ps.sum(weights, axis=0, keepdims=True)
    small = ps.abs(total) <= 1000 * float(ps.finfo("float32").eps)
    weights = ps.where(
        small, ps.zeros_like(weights), weights / ps.where(small, ps.ones_like(total), total)
    )
    inside = (centres >= -0.5) & (centres <= size - 0.5)
    return weights * ps.cast(inside, "float32")[None, :]


def _triangle(x: Any) -> Any:
    return ps.maximum(1 - x, 0.0)


def _cubic(x: Any) -> Any:
    """Return Keys's cubic kernel, with a = -0.5."""
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return ps.where(x < 1, near, ps.where(x < 2, far, ps.zeros_like(x)))


def _lanczos(radius: int) -> Callable[[Any], Any]:
    def kernel(x: Any) -> Any:
        safe = ps.where(x == 0, ps.ones_like(x), x) * math.pi
        made = radius * ps.sin(safe) * ps.sin(safe / radius) / (safe * safe)
        made = ps.where(x == 0, ps.ones_like(x), made)
        return ps.where(x > radius, ps.zeros_like(x), made)

    return kernel


_KERNELS: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _cubic),
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}


def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Cut off rows and columns: two of top, bottom and height, and two of left, right and width, say which.

    Args:
        images: [batch, height, width, channels], or without a batch, or channels before the sides.
        top_cropping: Rows above.
        left_cropping: Columns on the left.
        bottom_cropping: Rows below.
        right_cropping: Columns on the right.
        target_height: The height of the result.
        target_width: Its width.
        data_format: "channels_last" or "channels_first".

    Returns:
        The part.

    Raises:
        ValueError: There are not two of three, or they do not fit the image.
    """

    def crop(x: Any) -> Any:
        tall, broad = x.shape[1], x.shape[2]
        top, height = _two_of_three(
            "crop_images", "top", top_cropping, "bottom", bottom_cropping, target_height, tall, 1
        )
        left, width = _two_of_three(
            "crop_images", "left", left_cropping, "right", right_cropping, target_width, broad, 1
        )
        return x[:, top : top + height, left : left + width]

    return on_batches(crop, images, data_format, "crop_images")


def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Put zeros around: two of top, bottom and height, and two of left, right and width, say how many.

    Args:
        images: [batch, height, width, channels], or without a batch, or channels before the sides.
        top_padding: Rows above.
        left_padding: Columns on the left.
        bottom_padding: Rows below.
        right_padding: Columns on the right.
        target_height: The height of the result.
        target_width: Its width.
        data_format: "channels_last" or "channels_first".

    Returns:
        Larger images.

    Raises:
        ValueError: There are not two of three, or they do not fit the image.
    """

    def pad(x: Any) -> Any:
        tall, broad = x.shape[1], x.shape[2]
        top, height = _two_of_three(
            "pad_images", "top", top_padding, "bottom", bottom_padding, target_height, tall, -1
        )
        left, width = _two_of_three(
            "pad_images", "left", left_padding, "right", right_padding, target_width, broad, -1
        )
        rows, columns = (top, height - tall - top), (left, width - broad - left)
        return ps.pad(x, ((0, 0), rows, columns, (0, 0)))

    return on_batches(pad, images, data_format, "pad_images")


def _two_of_three(
    where: str, first: str, before: Any, second: str, behind: Any, target: Any, size: Any, sign: int
) -> tuple[Any, Any]:
    """Return what is before, and the size of the result, of two numbers out of three; sign is 1 to cut, -1 to add."""
    if sum(n is None for n in (before, behind, target)) != 1:
        raise InvalidValueError(
            f"[{where}] got {first}={before}, {second}={behind} and target={target}; give exactly two of the three"
        )
    if target is None:
        target = size - sign * (before + behind)
    if before is None:
        before = sign * (size - target) - behind
    after = sign * (size - target) - before
    known = [n for n in (before, target, after) if isinstance(n, int)]
    if any(n < 0 for n in known) or (isinstance(target, int) and target == 0):
        raise InvalidValueError(
            f"[{where}] got {first}={before}, {second}={after} and target={target} for a side of {size}; use numbers of "
            "at least 0 that fit it"
        )
    return before, target


def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Write windows of images as channels.

    Args:
        images: [batch, height, width, channels], or without a batch, or channels before the sides.
        size: The window's sides: one number or two; three for volumes.
        strides: The steps between windows; by default they touch.
        dilation_rate: The steps between the cells of a window.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".

    Returns:
        [batch, rows, columns, window · channels], or in the order of `data_format`.

    Raises:
        ValueError: An argument is out of range.
    """
    if isinstance(size, list | tuple) and len(size) == 3:
        return extract_patches_3d(images, size, strides, dilation_rate, padding, data_format)
    return _patches(images, 2, size, strides, dilation_rate, padding, data_format)


def extract_patches_3d(
    volumes: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Write windows of volumes as channels; see `extract_patches`, with one side more."""
    return _patches(volumes, 3, size, strides, dilation_rate, padding, data_format)


def _patches(
    images: Any, rank: int, size: Any, strides: Any, dilation: Any, padding: str, data_format: Any
) -> Any:
    from penstock_keras_api.layers import windows

    where = "extract_patches"
    window = windows.sizes_of(size, rank, where, "size")
    steps = window if strides is None else windows.sizes_of(strides, rank, where, "strides")
    rates = windows.sizes_of(dilation, rank, where, "dilation_rate")
    padding = windows.padding_of(padding, where)
    x = _t(images)
    alone = x.ndim == rank + 1
    x = ps.expand_dims(x, axis=0) if alone else x
    data_format = config.standardize_data_format(data_format)
    x = windows.channels_last(x, data_format)
    for n in range(rank):  # each side becomes two: places, and cells of the window
        x = _windows_of_side(x, 1 + 2 * n, window[n], steps[n], rates[n], padding)
    places, cells = [1 + 2 * n for n in range(rank)], [2 + 2 * n for n in range(rank)]
    x = ps.permute_dims(x, (0, *places, *cells, x.ndim - 1))
    made = ps.reshape(x, (*x.shape[: rank + 1], math.prod(window) * x.shape[-1]))
    made = windows.channels_back(made, data_format)
    return ps.squeeze(made, 0) if alone else made


def _windows_of_side(x: Any, axis: int, window: int, step: int, rate: int, padding: str) -> Any:
    side, span = x.shape[axis], (window - 1) * rate + 1
    if padding == "same":
        count = -(-side // step)
        missing = max((count - 1) * step + span - side, 0)
        widths = [(0, 0)] * x.ndim
        widths[axis] = (missing // 2, missing - missing // 2)
        x = ps.pad(x, widths)
    else:
        count = (side - span) // step + 1
    starts = ps.arange(0, count, 1) * step
    at = starts[:, None] + ps.asarray([n * rate for n in range(window)])[None, :]
    return ps.gather(x, at, axis=axis)


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        resize, scale_and_translate, crop_images, pad_images, extract_patches, extract_patches_3d,
    )
}  # fmt: skip
