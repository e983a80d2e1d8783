"""Small pictures of examples, inside the page."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from base64 import b64encode
from typing import Any

import numpy as np

from penstock_models.preprocessing import read_image

Array = np.ndarray[Any, Any]

TINY = 64  # pictures up to this size are shown pixel by pixel


def thumbnail(image: Any, longest: int = 220) -> tuple[str, bool]:
    """Return a picture as a data address.

    Args:
        image: A path, a PIL image or an array.
        longest: The length of its longer side, in pixels.

    Returns:
        The address, and whether the picture is so small that its pixels should show.

    Raises:
        FormatError: The file is no picture.
    """
    pixels = read_image(image)
    if max(pixels.shape[:2]) <= TINY:
        return data_address("image/png", png(pixels)), True
    from PIL import Image

    small = Image.fromarray(pixels)
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=80, optimize=True)
    return data_address("image/jpeg", stream.getvalue()), False


def png(pixels: Array) -> bytes:
    """Return pixels as a PNG file.

    Args:
        pixels: uint8 [height, width] or [height, width, 1 or 3].

    Returns:
        The file's bytes.

    Raises:
        ValueError: Never here.
    """
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each row begins with 0: no filter
    rows[:, 1:] = pixels.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def spectrogram(samples: Array, rate: int) -> str:
    """Return the loudness of frequencies over time as a picture's data address, low ones below.

    Args:
        samples: [n], between -1 and 1.
        rate: Samples in a second.

    Returns:
        The address of a gray picture.

    Raises:
        ValueError: Never here.
    """
    length = max(64, rate // 40)
    step = max(1, max(len(samples) - length, 1) // 120)
    padded = np.pad(samples, (0, max(0, length - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::step]
    loud = np.abs(np.fft.rfft(frames * np.hanning(length), axis=1))
    decibels = 20 * np.log10(np.maximum(loud, 1e-6))
    shown = np.clip((decibels - decibels.max() + 70) / 70, 0, 1)
    # Loud is dark; the page turns it round in dark mode.
    return data_address("image/png", png((255 - 255 * shown.T[::-1]).astype(np.uint8)))


def sound(samples: Array, rate: int) -> str:
    """Return samples as the data address of a .wav file.

    Raises:
        ValueError: Never here.
    """
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return data_address("audio/wav", stream.getvalue())


def data_address(kind: str, content: bytes) -> str:
    """Return a file as an address that holds it.

    >>> data_address("text/plain", b"hi")
    'data:text/plain;base64,aGk='
    """
    return f"data:{kind};base64,{b64encode(content).decode()}"


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
