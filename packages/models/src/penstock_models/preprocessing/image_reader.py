"""Pictures from files, arrays and PIL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError, InvalidTypeError, PluginError, ShapeError


def read_image(image: Any, channels: int = 3) -> np.ndarray[Any, Any]:
    """Return a picture as pixels.

    Args:
        image: A path, what PIL opened, or an array [height, width], [height, width, 1, 3 or 4].
        channels: 3 for colours, 1 for gray.

    Returns:
        uint8 [height, width, channels]; turned as the camera was held.

    Raises:
        FormatError: The file is no picture, or damaged.
        ShapeError: The array is no picture.
        TypeError: It is neither.
    """
    if isinstance(image, str | Path):
        return _from_file(Path(image), channels)
    if hasattr(image, "convert"):
        return _from_pil(image, channels)
    pixels = np.asarray(image)
    if pixels.dtype.kind not in "uif":
        raise InvalidTypeError(
            f"[image] got {type(image).__name__}; give a path, a PIL image or an array of pixels"
        )
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ShapeError(
            f"[image] got an array of shape {pixels.shape}; a picture is [height, width, 3], from 0 to 255"
        )
    if pixels.shape[2] != channels:
        gray = pixels[..., :3].mean(-1, keepdims=True) if channels == 1 else pixels[..., :1]
        pixels = pixels[..., :3] if pixels.shape[2] == 4 and channels == 3 else gray
        pixels = np.broadcast_to(pixels, (*pixels.shape[:2], channels))
    whole: np.ndarray[Any, Any] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return whole


def _from_file(path: Path, channels: int) -> np.ndarray[Any, Any]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise PluginError(
            '[image] pictures need Pillow; type: pip install "penstock-models[images]"'
        ) from None
    try:
        with Image.open(path) as opened:
            return _from_pil(opened, channels)
    except FileNotFoundError:
        raise FormatError(f"[image] there is no {path}") from None
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise FormatError(f"[image] {path} cannot be read as a picture: {error}") from None


def _from_pil(image: Any, channels: int) -> np.ndarray[Any, Any]:
    from PIL import ImageOps

    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith(("I", "F")):  # 16 bits and more: scaled to 8, not cut off
        values = np.asarray(turned, np.float64)
        top = 65535.0 if turned.mode.startswith("I") else max(float(values.max()), 1.0)
        return read_image(np.clip(values / top * 255.0, 0, 255), channels)
    pixels = np.asarray(turned.convert("RGB" if channels == 3 else "L"))
    return pixels if pixels.ndim == 3 else pixels[..., None]
