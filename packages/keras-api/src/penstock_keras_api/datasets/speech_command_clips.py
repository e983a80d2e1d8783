"""Ten spoken words, one recording of each."""

from __future__ import annotations

import wave

import numpy as np

from penstock_keras_api.datasets import _files
from penstock_keras_api.datasets._splits import Array

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


def load_data() -> tuple[list[Array], list[str], int]:
    """Load the recordings from the mirror. There are too few to learn from; they are for trying models out.

    Returns:
        Ten signals [samples] from -1 to 1 in float32, their words, and how many samples a second has.

    Raises:
        DatasetNotFoundError: `PENSTOCK_MIRROR` has no datasets/speech_command_clips.

    >>> from penstock import keras
    >>> signals, words, rate = keras.datasets.speech_command_clips.load_data()  # doctest: +SKIP
    """
    signals, rate = [], 0
    for word in WORDS:
        with wave.open(str(_files.local("speech_command_clips", f"{word}.wav"))) as file:
            content, rate = file.readframes(file.getnframes()), file.getframerate()
        signals.append(np.frombuffer(content, "<i2").astype(np.float32) / np.float32(32768))
    return signals, list(WORDS), rate
