"""Images as files, as Pillow's objects, and as arrays."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import config
from penstock_keras_api._missing import MissingPluginError

Array = np.ndarray[Any, Any]
_MODES: Final = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_FILTERS: Final = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def _pillow(where: str) -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise MissingPluginError(
            f"[{where}] needs Pillow; install it: pip install pillow"
        ) from None
    return Image


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """Make an image of Pillow's of an array.

    Args:
        x: [height, width, channels] with 1, 3 or 4 channels, or channels first.
        data_format: "channels_last" or "channels_first".
        scale: Whether to spread the numbers from 0 to 255.
        dtype: In which dtype to compute; by default the default float.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ValueError: The array has another shape.
        ImportError: Pillow is not installed.
    """
    image = _pillow("array_to_img")
    data_format = config.standardize_data_format(data_format)
    a = np.asarray(_numbers(x), dtype=dtype or config.floatx())
    if a.ndim != 3:
        raise InvalidValueError(
            f"[array_to_img] got an array of shape {a.shape}; give [height, width, channels]"
        )
    if data_format == "channels_first":
        a = np.moveaxis(a, 0, -1)
    if a.shape[2] not in (1, 3, 4):
        raise InvalidValueError(
            f"[array_to_img] got {a.shape[2]} channels; give 1, 3 or 4, and data_format if they are not last"
        )
    if scale:
        a = a - a.min()
        most = a.max()
        a = (a / most if most else a) * 255
    if a.shape[2] > 1:
        return image.fromarray(a.astype("uint8"))
    flat = a[:, :, 0]
    # 8 bits do not hold larger numbers: 32 do.
    return image.fromarray(flat.astype("int32" if flat.max(initial=0) > 255 else "uint8"))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> Array:
    """Make an array of an image.

    Args:
        img: A `PIL.Image.Image`, or an array of two or three axes.
        data_format: "channels_last" or "channels_first".
        dtype: The dtype; by default the default float.

    Returns:
        [height, width, channels], or channels first.

    Raises:
        ValueError: It has another number of axes.
    """
    data_format = config.standardize_data_format(data_format)
    a = np.asarray(_numbers(img), dtype=dtype or config.floatx())
    if a.ndim == 2:
        a = a[:, :, None]
    elif a.ndim != 3:
        raise InvalidValueError(f"[img_to_array] got shape {a.shape}; give an image of 2 or 3 axes")
    return np.moveaxis(a, -1, 0) if data_format == "channels_first" else a


def _numbers(x: Any) -> Any:
    return x.numpy() if hasattr(x, "numpy") and not isinstance(x, np.ndarray) else x


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Read an image file.

    Args:
        path: A path, or a file that is open.
        color_mode: "grayscale", "rgb" or "rgba".
        target_size: Height and width; None leaves the size.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: Whether to cut out the middle that has the wanted ratio of the sides, before resizing.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ValueError: An argument is not one of these.
        TypeError: `path` is neither a path nor a file.
        ImportError: Pillow is not installed.
    """
    image = _pillow("load_img")
    if color_mode not in _MODES:
        raise InvalidValueError(
            f"[load_img] got color_mode={color_mode!r}; use 'grayscale', 'rgb' or 'rgba'"
        )
    if isinstance(path, io.IOBase | io.BytesIO):
        img = image.open(path)
    elif isinstance(path, str | bytes | os.PathLike):
        with Path(os.fsdecode(path)).open("rb") as file:
            img = image.open(io.BytesIO(file.read()))
    else:
        raise InvalidTypeError(f"[load_img] got {type(path).__name__}; give a path or an open file")
    wanted = _MODES[color_mode]
    # Grey values of 16 or 32 bits would be cut to 8.
    if img.mode != wanted and not (wanted == "L" and img.mode in ("I;16", "I")):
        img = img.convert(wanted)
    if target_size is None:
        return img
    if interpolation not in _FILTERS:
        raise InvalidValueError(
            f"[load_img] got interpolation={interpolation!r}; use one of {', '.join(_FILTERS)}"
        )
    return _resized(img, target_size, interpolation, keep_aspect_ratio, image)


def _resized(img: Any, target_size: Any, interpolation: str, keep: bool, image: Any) -> Any:
    height, width = (int(n) for n in target_size)
    if img.size == (width, height):
        return img
    how = getattr(image.Resampling, interpolation.upper())
    if not keep:
        return img.resize((width, height), how)
    now_width, now_height = img.size
    cut_height = min(now_height, now_width * height // width)
    cut_width = min(now_width, now_height * width // height)
    top, left = (now_height - cut_height) // 2, (now_width - cut_width) // 2
    box = (left, top, left + cut_width, top + cut_height)
    return img.resize((width, height), how, box)


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file.

    Args:
        path: A path, or an open file.
        x: [height, width, channels], or channels first.
        data_format: "channels_last" or "channels_first".
        file_format: For example "png"; by default that of the path's ending.
        scale: Whether to spread the numbers from 0 to 255.
        kwargs: What Pillow's `save` takes.

    Raises:
        ValueError: The array has another shape, or the format is not known.
        ImportError: Pillow is not installed.
    """
    img = array_to_img(x, data_format, scale)
    if file_format is None and isinstance(path, str | os.PathLike):
        file_format = Path(path).suffix.removeprefix(".") or None
    file_format = "jpeg" if str(file_format).lower() == "jpg" else file_format
    if img.mode == "RGBA" and file_format == "jpeg":
        img = img.convert("RGB")  # the format knows no transparency
    img.save(path, format=file_format, **kwargs)


def smart_resize(
    x: Any,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
    **kwargs: Any,
) -> Any:
    """Resize images without changing the ratio of the sides: the middle with the wanted ratio is cut out first.

    Args:
        x: [height, width, channels], or with a batch in front, or channels before the sides.
        size: Height and width.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first".
        kwargs: Kept for compatibility.

    Returns:
        Images of that size: a NumPy array if x is one, otherwise a tensor.

    Raises:
        ValueError: An argument is not one of these.
    """
    ops = _ops()
    made = ops.image.resize(
        x, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format
    )
    return made.numpy() if isinstance(x, np.ndarray) else made


def _ops() -> Any:
    from penstock_keras_api import ops  # no checker sees what is made of tables

    return ops
