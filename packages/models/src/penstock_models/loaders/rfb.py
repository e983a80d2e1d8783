"""The light face detector: a score and an offset for every prior box, of which the best are kept.

Linzaer, 2019, "Ultra-Light-Fast-Generic-Face-Detector-1MB"; boxes as in Liu et al., 2015, "SSD",
https://arxiv.org/abs/1512.02325.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock_models.architectures import architecture
from penstock_models.presets.schema import Preset
from penstock_models.weights import Names, load_weights

# Of each map of features: pixels from one place to the next, and the sizes of its squares.
MAPS = ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256)))
CENTRE_SCALE, SIZE_SCALE = 0.1, 0.2
MOST, OVERLAP, LEAST = 200, 0.3, 0.1


def graph(preset: Preset, files: Mapping[str, Path]) -> Callable[[Any], dict[str, Any]]:
    """Return a function of one scaled picture [1, height, width, 3] that returns boxes, scores and classes.

    Args:
        preset: The preset.
        files: Has "weights".

    Returns:
        The function; boxes are [n, 4] as (left, top, right, bottom) in parts of the picture, all of class 1, a face.

    Raises:
        FormatError: The file is damaged.
    """
    model = ps.load(files["weights"])
    assert preset.input.size is not None
    priors = prior_boxes(*preset.input.size)

    def run(batch: Any) -> dict[str, Any]:
        made = model(ps.permute_dims(batch, (0, 3, 1, 2)))
        boxes, scores = placed(made["boxes"][0], priors), made["scores"][0, :, 1]
        kept = ps.image.non_max_suppression(boxes, scores, MOST, OVERLAP, LEAST)
        return {
            "boxes": ps.gather(boxes, kept),
            "scores": ps.gather(scores, kept),
            "classes": ps.ones_like(ps.cast(kept, "int64")),
        }

    return run


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the detector with the file's weights, ready to be trained further.

    Args:
        preset: Names the architecture, with sizes.
        files: Has "weights", in ONNX.

    Returns:
        A model of scaled pictures with the outputs "logits" and "offsets", and "features" and "pooled".

    Raises:
        FormatError: The file is damaged, or does not fit the sizes.
    """
    found = architecture.find(preset.architecture or "rfb")
    model: keras.Model = found.backbone(found.config.of(preset.config))
    stored = ps.load(files["weights"]).variables
    assert isinstance(found.names, Names)
    load_weights(model, {name: v.numpy() for name, v in stored.items()}, found.names)
    return model


def prior_boxes(height: int, width: int) -> np.ndarray[Any, Any]:
    """Return the squares that offsets start from: [n, 4] as (middle x, middle y, width, height) in parts of the picture.

    >>> prior_boxes(240, 320).shape
    (4420, 4)
    """
    rows = []
    for step, sizes in MAPS:
        down, across = -(-height // step), -(-width // step)
        for y in range(down):
            for x in range(across):
                middle = ((x + 0.5) * step / width, (y + 0.5) * step / height)
                rows += [(*middle, size / width, size / height) for size in sizes]
    return np.clip(np.array(rows, np.float32), 0.0, 1.0)


def placed(offsets: Any, priors: np.ndarray[Any, Any]) -> Any:
    """Return boxes [n, 4] as (left, top, right, bottom), for offsets [n, 4] from priors."""
    middle = offsets[:, :2] * CENTRE_SCALE * priors[:, 2:] + priors[:, :2]
    half = ps.exp(offsets[:, 2:] * SIZE_SCALE) * priors[:, 2:] / 2
    return ps.concat([middle - half, middle + half], axis=1)
