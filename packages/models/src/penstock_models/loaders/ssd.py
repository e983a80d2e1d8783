"""Detectors in TensorFlow Lite files that end in its own op for boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import FormatError
from penstock_models.architectures import architecture
from penstock_models.architectures.ssd_mobilenet_v1 import SsdMobilenetV1Config, weighted_layers
from penstock_models.loaders.tflite import Weights, fill_in_order, weights_in_order
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


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the preset's architecture with the file's weights, ready to be trained further.

    Args:
        preset: Names an architecture, with sizes.
        files: Has "weights".

    Returns:
        A model of pixels from 0 to 255 with the outputs "boxes" and "logits".

    Raises:
        FormatError: The file is damaged, or does not fit the sizes.
    """
    found = architecture.find(preset.architecture or "")
    config = found.config.of(preset.config)
    assert isinstance(config, SsdMobilenetV1Config)
    model: keras.Model = found.backbone(config)
    fill_in_order(
        model, in_our_order(weights_in_order(files["weights"]), config), weighted_layers(config)
    )
    return model


def in_our_order(weights: Sequence[Weights], config: SsdMobilenetV1Config) -> list[Weights]:
    """Return a file's weights with boxes as x, y, width, height, and without the background's scores.

    Args:
        weights: What `weights_in_order` returned.
        config: The detector's sizes.

    Returns:
        As many, of the architecture's shapes.

    Raises:
        FormatError: There are too few, or the heads have other shapes.
    """
    heads = 2 * config.num_maps
    if len(weights) != len(weighted_layers(config)):
        raise FormatError(
            f"[ssd] the file has {len(weights)} convolutions, a detector of these sizes has "
            f"{len(weighted_layers(config))}; give the sizes that the file was made with"
        )
    made = list(weights[:-heads])
    for i, head in enumerate(weights[-heads:]):
        anchors = config.num_anchors(i // 2)
        numbers, kept = config.num_classes + 1, np.arange(1, config.num_classes + 1)
        if i % 2 == 0:
            numbers, kept = 4, np.array([1, 0, 3, 2])  # the file says y, x, height, width
        if len(head.bias) != anchors * numbers:
            raise FormatError(
                f"[ssd] head {i // 2} of the file tells {len(head.bias)} numbers at each point, a detector of these sizes "
                f"{anchors * numbers}; give the sizes that the file was made with"
            )
        picked = np.add.outer(np.arange(anchors) * numbers, kept).ravel()
        made.append(replace(head, kernel=head.kernel[..., picked], bias=head.bias[picked]))
    return made
