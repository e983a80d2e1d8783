"""Detectors in TensorFlow Lite files that end in its own op for boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import penstock as ps
from penstock_models.presets.schema import Preset


def graph(preset: Preset, files: Mapping[str, Path]) -> Callable[[Any], dict[str, Any]]:
    """Return a function of one scaled picture [1, height, width, 3] that returns boxes, scores and classes.

    Args:
        preset: The preset.
        files: Has "weights".

    Returns:
        The function; boxes are [n, 4] as (left, top, right, bottom) in parts of the picture.

    Raises:
        FormatError: The file is damaged.
    """
    model = ps.load(files["weights"])

    def run(batch: Any) -> dict[str, Any]:
        pixels = ps.cast(ps.round(batch), "uint8") if preset.input.dtype == "uint8" else batch
        boxes, classes, scores, _ = model.default.run([pixels])
        swapped = ps.gather(boxes[0], ps.asarray([1, 0, 3, 2]), axis=1)
        return {"boxes": swapped, "scores": scores[0], "classes": ps.cast(classes[0], "int64")}

    return run
