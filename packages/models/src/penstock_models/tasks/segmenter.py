"""A model that says of each pixel what it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.preprocessing import ImageScaler, read_image
from penstock_models.presets.schema import Input, Preset


class ImageSegmenter:
    """Colour a picture by kinds.

    Args:
        labels: A word for each kind.
        spec: What the network takes.
        run: A function of one scaled picture that returns "classes" [1, height, width].
        make_network: A function that returns a model that can be trained: pictures to "logits" [batch, height, width,
            classes]; or None.
        preset: What is known about it.
        network_spec: What that model takes, if it is something else.

    Raises:
        ValueError: Never here.
    """

    def __init__(
        self,
        labels: Sequence[str],
        spec: Input,
        run: Callable[[Any], Mapping[str, Any]],
        make_network: Callable[[], keras.Model] | None = None,
        preset: Preset | None = None,
        network_spec: Input | None = None,
    ) -> None:
        self.labels = list(labels)
        self.input = spec
        self.scaler = ImageScaler.of(spec)
        self.preset = preset
        self._run = run
        self._make_network = make_network
        self.network_scaler = ImageScaler.of(network_spec or spec)

    @cached_property
    def network(self) -> keras.Model:
        """The network that can be trained: pictures that `network_scaler` scaled to "logits"."""
        if self._make_network is None:
            raise InvalidValueError(
                f"[ImageSegmenter] {self.preset.name if self.preset else 'this model'} is a finished graph and cannot be "
                "trained; choose a preset that names an architecture"
            )
        return self._make_network()

    def predict(self, image: Any) -> np.ndarray[Any, Any]:
        """Return the number of a label for each pixel of the picture as the network sees it.

        Args:
            image: A path, a PIL image or an array [height, width, 3].

        Returns:
            int64 [height, width], of the network's size.

        Raises:
            FormatError: The file is no picture.
        """
        made = self._run(self.scaler(read_image(image, self.input.channels)[None]))["classes"]
        found: np.ndarray[Any, Any] = made.numpy()[0].astype(np.int64)
        return found


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> ImageSegmenter:
    """Return the segmenter of a preset; arguments as in `image_classifier.of`."""
    from penstock_models.presets.load import labels_of

    make = (lambda: loader.network(preset, files)) if preset.architecture else None
    spec = loader.network_input(preset, files) if hasattr(loader, "network_input") else None
    run = loader.graph(preset, files)
    return ImageSegmenter(labels_of(preset, files), preset.input, run, make, preset, spec)
