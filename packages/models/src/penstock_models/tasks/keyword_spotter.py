"""A model that says which word was spoken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.adapt.network import compiled
from penstock_models.adapt.sounds import AdaptableSounds
from penstock_models.preprocessing import SoundFeatures, SteadyFeatures
from penstock_models.presets.schema import Input, Preset
from penstock_models.tasks.guess import Guess, best_of

Run = Callable[[Any], Mapping[str, Any]]
BATCH = 32


class KeywordSpotter(AdaptableSounds):
    """Say which of some words a second of sound holds.

    Args:
        labels: The words.
        spec: What the network takes.
        run: A finished graph: a function that returns "probabilities" [batch, words] of features; or, if the spec names
            none, [1, words] of the samples [samples, 1] of one sound.
        make_network: A function that returns a model that can be trained: features to "logits"; or None.
        preset: What is known about it.

    Raises:
        ValueError: There are no labels.
    """

    def __init__(
        self,
        labels: Sequence[str],
        spec: Input,
        run: Run | None = None,
        make_network: Callable[[], keras.Model] | None = None,
        preset: Preset | None = None,
    ) -> None:
        if not labels:
            raise InvalidValueError("[KeywordSpotter] got no labels; give a word for each class")
        self.labels = list(labels)
        self.input = spec
        self.rate = spec.rate or 16000
        self.scaler = None
        if spec.features is not None:
            layer = SteadyFeatures if spec.features.kind == "steady" else SoundFeatures
            self.scaler = layer.of(self.rate, spec.features)
        self.preset = preset
        self._run = run
        self._make_network = make_network

    @cached_property
    def network(self) -> keras.Model:
        """The network that can be trained: features of sound to "logits"."""
        if self._make_network is None:
            raise InvalidValueError(
                f"[KeywordSpotter] {self.preset.name if self.preset else 'this model'} is a finished graph and cannot "
                "be trained; choose a preset that names an architecture"
            )
        return self._make_network()

    @cached_property
    def _answer(self) -> Run:
        """The function that answers of features: a finished graph, or the network as one plan."""
        return self._run or compiled(self.network)

    def probabilities(self, sounds: Any) -> ps.Tensor:
        """Return the probability of each word.

        Args:
            sounds: A sound, or several: paths of .wav files, or arrays of samples; or a batch [batch, samples].

        Returns:
            [batch, words].

        Raises:
            FormatError: A file is no .wav file of the network's rate.
        """
        samples = self.prepare(sounds)
        parts = [
            self._probabilities(samples[at : at + BATCH]) for at in range(0, len(samples), BATCH)
        ]
        return ps.concat(parts, axis=0)

    def _probabilities(self, samples: np.ndarray[Any, Any]) -> ps.Tensor:
        if self._run is not None and self._takes_samples:
            return ps.concat([self._run(row[:, None])["probabilities"] for row in samples], axis=0)
        made = self._answer(self.featured(samples))
        if "probabilities" in made:
            found: ps.Tensor = made["probabilities"]
            return found
        return ps.nn.softmax(made["logits"])

    def predict(self, sounds: Any, top: int = 3) -> list[list[Guess]]:
        """Return the most probable words of each sound, the best first.

        Args:
            sounds: As in `probabilities`.
            top: How many words.

        Returns:
            A list of guesses for each sound.

        Raises:
            FormatError: A file is no .wav file of the network's rate.
        """
        return best_of(self.probabilities(sounds).numpy(), self.labels, top)


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> KeywordSpotter:
    """Return the spotter of a preset; arguments as in `image_classifier.of`."""
    from penstock_models.presets.load import labels_of

    run = loader.graph(preset, files) if hasattr(loader, "graph") else None
    make = (lambda: loader.network(preset, files)) if preset.architecture else None
    return KeywordSpotter(labels_of(preset, files), preset.input, run, make, preset)
