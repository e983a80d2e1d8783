"""Sound of WAV files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError

EXTENSIONS = (".wav",)


def decode_wav(contents: bytes, name: str = "") -> tuple[Any, int]:
    """Decode a WAV file.

    Args:
        contents: The bytes of a file: PCM of 8 to 32 bits, or floats.
        name: The file, for errors.

    Returns:
        [samples, channels], float32 from -1 to 1; and the samples per second.

    Raises:
        FormatError: It is no such file, or cut off.

    >>> from penstock_keras_api.data.sources.audio import decode_wav
    >>> head = b"RIFF" + bytes([40, 0, 0, 0]) + b"WAVEfmt " + bytes([16, 0, 0, 0, 1, 0, 1, 0])
    >>> rate = bytes([64, 31, 0, 0, 128, 62, 0, 0, 2, 0, 16, 0]) + b"data" + bytes([4, 0, 0, 0])
    >>> samples, per_second = decode_wav(head + rate + bytes([0, 64, 0, 192]))
    >>> samples.ravel().tolist(), per_second
    ([0.5, -0.5], 8000)
    """
    where = name or "the bytes"
    if contents[:4] != b"RIFF" or contents[8:12] != b"WAVE":
        raise _error(where, "it does not begin with RIFF and WAVE")
    at, form, data = 12, None, None
    while at + 8 <= len(contents):
        kind, size = contents[at : at + 4], struct.unpack_from("<I", contents, at + 4)[0]
        body = contents[at + 8 : at + 8 + size]
        if kind == b"fmt " and len(body) >= 16:
            form = body
        elif kind == b"data":
            if len(body) < size:
                raise _error(where, f"it ends after {len(body)} of {size} bytes of sound")
            data = body
        at += 8 + size + size % 2
    if form is None or data is None:
        raise _error(where, "it has no sound in it")
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if code == 0xFFFE and len(form) >= 26:  # the kind is told further behind
        code = struct.unpack_from("<H", form, 24)[0]
    samples = _samples(data, code, bits)
    if samples is None or not channels:
        raise _error(where, f"its encoding is {code} with {bits} bits")
    whole = len(samples) // channels * channels
    return samples[:whole].reshape(-1, channels), int(rate)


def _samples(data: bytes, code: int, bits: int) -> Any:
    if code == 3 and bits in (32, 64):
        return np.frombuffer(
            data[: len(data) // (bits // 8) * (bits // 8)], f"<f{bits // 8}"
        ).astype(np.float32)
    if code != 1:
        return None
    if bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    if bits in (16, 32):
        size = bits // 8
        numbers = np.frombuffer(data[: len(data) // size * size], f"<i{size}")
        return (numbers / np.float64(2 ** (bits - 1))).astype(np.float32)
    if bits == 24:
        parts = np.frombuffer(data[: len(data) // 3 * 3], np.uint8).reshape(-1, 3).astype(np.int32)
        numbers = (parts[:, 0] << 8 | parts[:, 1] << 16 | parts[:, 2] << 24) >> 8
        return (numbers / np.float64(2**23)).astype(np.float32)
    return None


def _error(where: str, reason: str) -> FormatError:
    return FormatError(
        f"[audio] {where} cannot be read as WAV: {reason}; convert it to PCM of 16 bits, or use ignore_errors to go without it"
    )


def resampled(samples: Any, rate: int, wanted: int) -> Any:
    """Change how many samples a second has, by a windowed sinc.

    Args:
        samples: [n, channels].
        rate: Samples per second now.
        wanted: Samples per second afterwards.

    Returns:
        [round(n * wanted / rate), channels].
    """
    if rate == wanted or not len(samples):
        return samples
    count = round(len(samples) * wanted / rate)
    scale = min(1.0, wanted / rate)  # of the low-pass
    half = int(np.ceil(16 / scale))
    centers = np.arange(count) * (rate / wanted)
    first = np.floor(centers).astype(int) - half + 1
    places = first[:, None] + np.arange(2 * half)
    distance = centers[:, None] - places
    window = np.i0(8.6 * np.sqrt(np.maximum(0, 1 - (distance / half) ** 2)))
    weights = np.sinc(distance * scale) * window
    weights /= weights.sum(1, keepdims=True)
    inside = (places >= 0) & (places < len(samples))
    taken = samples[np.clip(places, 0, len(samples) - 1)] * inside[..., None]
    return np.einsum("nk,nkc->nc", weights, taken).astype(np.float32)


class AudioLoader:
    """Reads a WAV file as one channel.

    Args:
        rate: Samples per second; None for the file's own.
        length: How many samples: what is more is cut off, what is less is filled with silence. None for the file's own.
    """

    def __init__(self, rate: int | None, length: int | None) -> None:
        self.rate, self.length = rate, length

    def __call__(self, path: str) -> Any:
        """Read a file; [samples, 1], float32."""
        samples, rate = decode_wav(Path(path).read_bytes(), path)
        samples = samples[:, :1]
        if self.rate is not None:
            samples = resampled(samples, rate, self.rate)
        if self.length is not None:
            samples = samples[: self.length]
            samples = np.pad(samples, ((0, self.length - len(samples)), (0, 0)))
        return samples
