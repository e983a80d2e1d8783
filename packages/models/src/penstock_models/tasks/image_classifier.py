"""A model that says what is on a picture."""

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
from penstock_models.adapt.pictures import BATCH, AdaptablePictures
from penstock_models.preprocessing import ImageScaler
from penstock_models.presets.schema import Input, Preset
from penstock_models.tasks.guess import Guess, best_of

Run = Callable[[Any], Mapping[str, Any]]


class ImageClassifier(AdaptablePictures):
    """Say which of some labels a picture deserves.

    Args:
        labels: A word for each class.
        spec: What the network takes.
        run: A function of a scaled batch that returns "probabilities" or "logits".
        make_network: A function that returns the same as a model that can be trained, or None.
        preset: What is known about it.
        network_spec: What that model takes, if it is something else.

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
        network_spec: Input | None = None,
    ) -> None:
        if not labels:
            raise InvalidValueError("[ImageClassifier] got no labels; give a word for each class")
        self.labels = list(labels)
        self.input = spec
        self.scaler = ImageScaler.of(spec)
        self.preset = preset
        self._run = run
        self._make_network = make_network
        self._network_spec = network_spec or spec

    @cached_property
    def network(self) -> keras.Model:
        """The network that can be trained: scaled pictures to "logits"."""
        if self._make_network is None:
            raise InvalidValueError(
                f"[ImageClassifier] {self.preset.name if self.preset else 'this model'} is a finished graph and cannot "
                "be trained; choose a preset that names an architecture"
            )
        return self._make_network()

    @cached_property
    def _answer(self) -> Run:
        """The function that answers: the graph as it was published, or the network as one plan."""
        return self._run or compiled(self.network)

    def probabilities(self, images: Any) -> ps.Tensor:
        """Return the probability of each label.

        Args:
            images: A picture, or several: paths, PIL images or arrays; or a batch [batch, height, width, channels].

        Returns:
            [batch, labels].

        Raises:
            FormatError: A file is no picture.
        """
        is_batch = isinstance(images, np.ndarray | ps.Tensor) and images.ndim == 4
        count = len(images) if is_batch or isinstance(images, list | tuple) else 1
        if count > BATCH:
            parts = [self.probabilities(images[at : at + BATCH]) for at in range(0, count, BATCH)]
            return ps.concat(parts, axis=0)
        made = self._answer(self.prepare(images))
        if "probabilities" in made:
            found: ps.Tensor = made["probabilities"]
            return found
        return ps.nn.softmax(made["logits"])

    def predict(self, images: Any, top: int = 5) -> list[list[Guess]]:
        """Return the most probable labels of each picture, the best first.

        Args:
            images: As in `probabilities`.
            top: How many labels.

        Returns:
            A list of guesses for each picture.

        Raises:
            FormatError: A file is no picture.
        """
        return best_of(self.probabilities(images).numpy(), self.labels, top)


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> ImageClassifier:
    """Return the classifier of a preset.

    Args:
        preset: The preset.
        files: Where its files are.
        loader: The module that reads them, with `graph`, `network` or both.
    """
    from penstock_models.presets.load import labels_of

    run = loader.graph(preset, files) if hasattr(loader, "graph") else None
    make = (lambda: loader.network(preset, files)) if preset.architecture else None
    spec = loader.network_input(preset, files) if hasattr(loader, "network_input") else None
    return ImageClassifier(labels_of(preset, files), preset.input, run, make, preset, spec)
