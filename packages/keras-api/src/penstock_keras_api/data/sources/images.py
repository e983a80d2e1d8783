"""Images of files: decoded, resized, cut or padded to one size."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
from penstock import _native
from penstock.errors import FormatError, InvalidValueError
from penstock_keras_api.data import elements

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_METHODS = {
    "bilinear": "bilinear", "nearest": "nearest", "bicubic": "bicubic", "area": "area",
    "lanczos3": "lanczos3", "lanczos5": "lanczos5", "gaussian": "gaussian",
    "mitchellcubic": "mitchell",
}  # fmt: skip


def decode(contents: bytes, channels: int = 3, name: str = "") -> Any:
    """Decode an image.

    Args:
        contents: The bytes of a file.
        channels: 1, 3 or 4.
        name: The file, for errors.

    Returns:
        [height, width, channels], uint8.

    Raises:
        FormatError: It is no image, or damaged.
        ImportError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            "images in files need Pillow, which is not installed; type: pip install pillow"
        ) from None
    try:
        with Image.open(io.BytesIO(contents)) as image:
            mode = _MODES[channels]
            if image.mode.startswith("I"):  # gray of 16 bits: the upper ones
                array = (np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)
                pixels = np.asarray(Image.fromarray(array).convert(mode))
            elif mode == "L" and image.format == "PNG" and image.mode in ("RGB", "RGBA", "P"):
                pixels = _gray_of_png(image)
            else:
                pixels = _pixels(image if image.mode == mode else image.convert(mode))
    except (OSError, SyntaxError, ValueError) as error:
        raise FormatError(
            f"[image] {name or 'the bytes'} cannot be read as an image: {error}; remove the file or mend it, or use "
            "ignore_errors to go without it"
        ) from None
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _pixels(image: Any) -> Any:
    """Return an image's pixels; those of three bytes, which Pillow keeps in four, by a faster way than its own."""
    if image.mode == "RGB" and hasattr(image, "__arrow_c_array__"):
        image.load()
        try:
            _, array = image.__arrow_c_array__()
        except (ValueError, MemoryError):  # a large image lies in several pieces of memory
            return np.asarray(image)
        return _native.pixels_of_arrow(array, image.height, image.width).numpy()
    return np.asarray(image)


def _gray_of_png(image: Any) -> Any:
    """Make a coloured PNG gray as libpng does, so that pixels are those that TensorFlow reads."""
    colours = np.asarray(image.convert("RGB")).astype(np.int32)
    return (colours @ np.array([9798, 19235, 3735], np.int32) >> 15).astype(np.uint8)


class ImageLoader:
    """Reads an image file at one size.

    Args:
        size: Height and width; None for the file's own.
        color_mode: "rgb", "rgba" or "grayscale".
        interpolation: How sizes change.
        crop: Whether to cut off what has another aspect ratio.
        pad: Whether to pad with black instead.
        channels_first: Whether channels come before height and width.

    Raises:
        InvalidValueError: A name is unknown, or both `crop` and `pad` are given.
    """

    def __init__(
        self,
        size: tuple[int, int] | None,
        color_mode: str,
        interpolation: str,
        crop: bool,
        pad: bool,
        channels_first: bool,
    ) -> None:
        if color_mode not in CHANNELS:
            raise InvalidValueError(
                f"[image_dataset_from_directory] got color_mode={color_mode!r}; use 'rgb', 'rgba' or 'grayscale'"
            )
        if interpolation not in _METHODS:
            raise InvalidValueError(
                f"[image_dataset_from_directory] got interpolation={interpolation!r}; use one of {', '.join(_METHODS)}"
            )
        if crop and pad:
            raise InvalidValueError(
                "[image_dataset_from_directory] got both crop_to_aspect_ratio and pad_to_aspect_ratio; use one of them"
            )
        self.size, self.channels, self.method = size, CHANNELS[color_mode], interpolation
        self.crop, self.pad, self.channels_first = crop, pad, channels_first

    def __call__(self, path: str) -> Any:
        """Read a file; [height, width, channels], float32 from 0 to 255."""
        pixels = decode(Path(path).read_bytes(), self.channels, path)
        made = pixels.astype(np.float32) if self.size is None else self._resized(pixels)
        return np.ascontiguousarray(made.transpose(2, 0, 1)) if self.channels_first else made

    def _resized(self, pixels: Any) -> Any:
        assert self.size is not None
        height, width = self.size
        method = _METHODS[self.method]
        if self.crop:
            pixels = _cropped(pixels, height, width)
        image = elements.as_tensor(np.ascontiguousarray(pixels))
        if self.pad:
            return ps.image.resize_with_pad(image, height, width, method).numpy()
        return ps.image.resize(image, (height, width), method).numpy()


def _cropped(pixels: Any, height: int, width: int) -> Any:
    """Cut the middle out, of the aspect ratio of a size."""
    h, w = pixels.shape[:2]
    crop_h = min(h, int(w * height / width))
    crop_w = min(w, int(h * width / height))
    top, left = (h - crop_h) // 2, (w - crop_w) // 2
    return pixels[top : top + crop_h, left : left + crop_w]
