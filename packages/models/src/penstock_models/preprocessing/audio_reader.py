"""Sound from files and arrays."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError, InvalidTypeError


def read_audio(sound: Any, rate: int, seconds: float) -> np.ndarray[Any, Any]:
    """Return sound as numbers between -1 and 1, as long as a network takes it.

    Args:
        sound: The path of a .wav file with 16 bits, or an array of samples.
        rate: How many samples there are in a second; a file of another rate is refused.
        seconds: How long; what is shorter is filled up with silence, what is longer is cut off.

    Returns:
        float32 [rate · seconds].

    Raises:
        FormatError: The file is no such sound, or of another rate.
        TypeError: It is neither a path nor numbers.
    """
    samples = _from_file(Path(sound), rate) if isinstance(sound, str | Path) else _from_array(sound)
    whole = np.zeros(int(rate * seconds), np.float32)
    whole[: len(samples)] = samples[: len(whole)]
    return whole


def _from_file(path: Path, rate: int) -> np.ndarray[Any, Any]:
    try:
        with wave.open(str(path)) as file:
            found, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            frames = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise FormatError(f"[audio] there is no {path}") from None
    except (wave.Error, EOFError, OSError) as error:
        raise FormatError(f"[audio] {path} is no .wav file: {error}") from None
    if width != 2 or found != rate:
        raise FormatError(
            f"[audio] {path} has {8 * width} bits and {found} samples in a second; expected 16 bits and {rate}: convert it"
        )
    samples = np.frombuffer(frames[: len(frames) // 2 * 2], "<i2").astype(np.float32) / 32768
    whole = len(samples) // channels * channels
    mixed: np.ndarray[Any, Any] = samples[:whole].reshape(-1, channels).mean(1)
    return mixed


def _from_array(sound: Any) -> np.ndarray[Any, Any]:
    samples = np.asarray(sound)
    if samples.dtype == np.int16:
        samples = samples.astype(np.float32) / 32768
    if samples.dtype.kind != "f":
        raise InvalidTypeError(
            f"[audio] got {samples.dtype}; give floats between -1 and 1, int16, or a path"
        )
    flat: np.ndarray[Any, Any] = samples.reshape(-1).astype(np.float32)
    return flat
