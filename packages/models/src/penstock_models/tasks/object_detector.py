"""A model that says what is where on a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from penstock.errors import InvalidValueError
from penstock_models.preprocessing import ImageScaler, read_image
from penstock_models.presets.schema import Input, Preset


@dataclass(frozen=True)
class Detection:
    """Something on a picture.

    Args:
        label: What it is.
        score: How sure the model is, from 0 to 1.
        box: (left, top, right, bottom) in parts of the picture's width and height.
        index: The label's number.
    """

    label: str
    score: float
    box: tuple[float, float, float, float]
    index: int

    def __str__(self) -> str:
        return f"{self.label} {self.score:.3f} at {', '.join(f'{x:.3f}' for x in self.box)}"


class ObjectDetector:
    """Find things of known kinds on pictures.

    Args:
        labels: A word for each kind.
        spec: What the network takes.
        run: A function of one scaled picture that returns "boxes", "scores" and "classes".
        preset: What is known about it.

    Raises:
        ValueError: There are no labels.
    """

    def __init__(
        self,
        labels: Sequence[str],
        spec: Input,
        run: Callable[[Any], Mapping[str, Any]],
        preset: Preset | None = None,
    ) -> None:
        if not labels:
            raise InvalidValueError("[ObjectDetector] got no labels; give a word for each kind")
        self.labels = list(labels)
        self.input = spec
        self.scaler = ImageScaler.of(spec)
        self.preset = preset
        self._run = run

    def predict(self, image: Any, least: float = 0.3) -> list[Detection]:
        """Return what is on a picture, what is surest first.

        Args:
            image: A path, a PIL image or an array [height, width, 3].
            least: The score that something needs.

        Returns:
            What was found.

        Raises:
            FormatError: The file is no picture.
        """
        found = self._run(self.scaler(read_image(image, self.input.channels)[None]))
        rows = zip(
            found["boxes"].tolist(),
            found["scores"].tolist(),
            found["classes"].tolist(),
            strict=True,
        )
        kept = [
            Detection(self._label(kind), score, (box[0], box[1], box[2], box[3]), kind)
            for box, score, kind in rows
            if score >= least
        ]
        return sorted(kept, key=lambda d: -d.score)

    def _label(self, kind: int) -> str:
        return self.labels[kind] if kind < len(self.labels) else f"class {kind}"


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> ObjectDetector:
    """Return the detector of a preset; arguments as in `image_classifier.of`."""
    from penstock_models.presets.load import labels_of

    return ObjectDetector(
        labels_of(preset, files), preset.input, loader.graph(preset, files), preset
    )
