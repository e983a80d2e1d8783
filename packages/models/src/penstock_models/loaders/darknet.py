"""Detectors of darknet: a .cfg file, and .weights beside it."""

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
        files: Has "network", the .cfg file, and "weights".

    Returns:
        The function; boxes are [n, 4] as (left, top, right, bottom) in parts of the picture.

    Raises:
        FormatError: A file is damaged, or they do not belong together.
    """
    model = ps.load(files["network"], weights=files["weights"], **preset.options)
    detect = model.functions["detect"]

    def run(batch: Any) -> dict[str, Any]:
        boxes, scores, classes, count = detect.run([batch])
        n = int(count)
        return {"boxes": boxes[:n], "scores": scores[:n], "classes": classes[:n]}

    return run
