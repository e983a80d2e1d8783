"""Functions for `map` that read files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError
from penstock_keras_api.data import elements
from penstock_keras_api.data.sources import audio, images


def _path(path: Any, where: str) -> str:
    if isinstance(path, ps.Tensor):
        path = path.item()
    if not isinstance(path, str | bytes | os.PathLike):
        raise InvalidTypeError(f"[{where}] got {type(path).__name__}; expected the name of a file")
    return os.fsdecode(path)


def read_file(path: Any) -> Any:
    """Read the bytes of a file.

    Args:
        path: Its name: a string, or a tensor of one.

    Returns:
        A string tensor.

    Raises:
        InvalidTypeError: It is no name.
        OSError: The file cannot be read.
    """
    return ps.asarray(Path(_path(path, "read_file")).read_bytes())


def read_image(path: Any, channels: int = 3) -> Any:
    """Read an image file: JPEG, PNG, BMP, GIF.

    Args:
        path: Its name: a string, or a tensor of one.
        channels: 1 for gray, 3 for colours, 4 for colours and opacity.

    Returns:
        [height, width, channels], uint8.

    Raises:
        InvalidTypeError: It is no name.
        OSError: The file cannot be read.
        FormatError: It is no image, or damaged.
        ImportError: Pillow is not installed.
    """
    name = _path(path, "read_image")
    return elements.as_tensor(images.decode(Path(name).read_bytes(), channels, name))


def read_audio(path: Any, sampling_rate: int | None = None) -> tuple[Any, int]:
    """Read a WAV file.

    Args:
        path: Its name: a string, or a tensor of one.
        sampling_rate: How many samples a second has afterwards; None as in the file.

    Returns:
        [samples, channels], float32 from -1 to 1; and the samples per second.

    Raises:
        InvalidTypeError: It is no name.
        OSError: The file cannot be read.
        FormatError: It is no WAV file, or cut off.
    """
    name = _path(path, "read_audio")
    samples, rate = audio.decode_wav(Path(name).read_bytes(), name)
    if sampling_rate is not None:
        samples, rate = audio.resampled(samples, rate, sampling_rate), sampling_rate
    return elements.as_tensor(samples), rate
