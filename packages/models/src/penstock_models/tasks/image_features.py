"""A model that makes numbers of a picture, which others learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

Run = Callable[[Any], Mapping[str, Any]]


class ImageFeatures(AdaptablePictures):
    """Make a vector of a picture: a backbone without classes of its own.

    Args:
        spec: What the network takes.
        run: A function of a scaled batch that returns "pooled" [batch, width]; None if the network is run.
        make_network: A function that returns the same as a model that can be trained, or None.
        preset: What is known about it.
        network_spec: What that model takes, if it is something else.

    Raises:
        ValueError: Never here.
    """

    def __init__(
        self,
        spec: Input,
        run: Run | None = None,
        make_network: Callable[[], keras.Model] | None = None,
        preset: Preset | None = None,
        network_spec: Input | None = None,
    ) -> None:
        self.labels: list[str] = []
        self.input = spec
        self.scaler = ImageScaler.of(spec)
        self.preset = preset
        self._run = run
        self._make_network = make_network
        self._network_spec = network_spec or spec

    @cached_property
    def network(self) -> keras.Model:
        """The network that can be trained: scaled pictures to "features" and "pooled"."""
        if self._make_network is None:
            raise InvalidValueError(
                f"[ImageFeatures] {self.preset.name if self.preset else 'this model'} is a finished graph and cannot "
                "be trained; choose a preset that names an architecture"
            )
        return self._make_network()

    def vectors(self, images: Any) -> ps.Tensor:
        """Return a vector for each picture.

        Args:
            images: A picture, or several: paths, PIL images or arrays; or a batch [batch, height, width, channels].

        Returns:
            [batch, width].

        Raises:
            FormatError: A file is no picture.
        """
        count = len(images) if isinstance(images, list | tuple) else 0
        if count > BATCH:
            return ps.concat(
                [self.vectors(images[at : at + BATCH]) for at in range(0, count, BATCH)], axis=0
            )
        found: ps.Tensor = self._answer(self.prepare(images))["pooled"]
        return ps.reshape(found, (found.shape[0], -1))

    @cached_property
    def _answer(self) -> Run:
        return self._run or compiled(self.network)

    def predict(self, images: Any) -> np.ndarray[Any, Any]:
        """Return `vectors` as NumPy's array."""
        found: np.ndarray[Any, Any] = self.vectors(images).numpy()
        return found


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> ImageFeatures:
    """Return the backbone of a preset; arguments as in `image_classifier.of`."""
    make = (lambda: loader.network(preset, files)) if preset.architecture else None
    run = loader.graph(preset, files) if hasattr(loader, "graph") else None
    spec = loader.network_input(preset, files) if hasattr(loader, "network_input") else None
    return ImageFeatures(preset.input, run, make, preset, spec)
