"""A model that says of each pixel what it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from penstock_models.preprocessing import ImageScaler, read_image
from penstock_models.presets.schema import Input, Preset


class ImageSegmenter:
    """Colour a picture by kinds.

    Args:
        labels: A word for each kind.
        spec: What the network takes.
        run: A function of one scaled picture that returns "classes" [1, height, width].
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
        self.scaler = ImageScaler.of(spec)
        self.preset = preset
        self._run = run

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

    return ImageSegmenter(
        labels_of(preset, files), preset.input, loader.graph(preset, files), preset
    )
