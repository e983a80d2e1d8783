"""A model that says which word was spoken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from penstock_models.preprocessing import read_audio
from penstock_models.presets.schema import Input, Preset
from penstock_models.tasks.guess import Guess, best_of

SECONDS = 1.0


class KeywordSpotter:
    """Say which of some words a second of sound holds.

    Args:
        labels: The words.
        spec: What the network takes.
        run: A function of samples [16000, 1] that returns "probabilities" [1, words].
        preset: What is known about it.

    Raises:
        ValueError: Never here.
    """

    def __init__(
        self,
        labels: Sequence[str],
        spec: Input,
        run: Callable[[Any], Mapping[str, Any]],
        preset: Preset | None = None,
    ) -> None:
        self.labels = list(labels)
        self.input = spec
        self.preset = preset
        self._run = run

    def predict(self, sounds: Any, top: int = 3) -> list[list[Guess]]:
        """Return the most probable words of each sound, the best first.

        Args:
            sounds: A sound, or a list: paths of .wav files, or arrays of samples.
            top: How many words.

        Returns:
            A list of guesses for each sound.

        Raises:
            FormatError: A file is no .wav file of the network's rate.
        """
        several = sounds if isinstance(sounds, list | tuple) else [sounds]
        rate = self.input.rate or 16000
        rows = [
            self._run(read_audio(sound, rate, SECONDS)[:, None])["probabilities"].numpy()
            for sound in several
        ]
        return best_of(np.concatenate(rows), self.labels, top)


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> KeywordSpotter:
    """Return the spotter of a preset; arguments as in `image_classifier.of`."""
    from penstock_models.presets.load import labels_of

    return KeywordSpotter(
        labels_of(preset, files), preset.input, loader.graph(preset, files), preset
    )
