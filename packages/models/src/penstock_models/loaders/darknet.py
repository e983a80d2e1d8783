"""Detectors of darknet: a .cfg file, and .weights beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock_models.architectures.yolo import YoloConfig, backbone
from penstock_models.loaders.formats import formats
from penstock_models.presets.schema import Preset

# What a norm has, in the order of Keras, by darknet's names; its shift is what darknet calls a bias.
NORM = ("scales", "biases", "rolling_mean", "rolling_variance")


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


def config(preset: Preset, files: Mapping[str, Path]) -> YoloConfig:
    """Return the sizes that the .cfg file says.

    Args:
        preset: The preset.
        files: Has "network".

    Returns:
        The sizes.

    Raises:
        FormatError: The file is damaged.
    """
    net, sections = formats("darknet.cfg").parse(files["network"].read_text("utf-8", "replace"))
    classes = [s.number("classes", 20, 1) for s in sections if s.kind == "yolo"]
    return YoloConfig(
        num_classes=classes[0] if classes else 1,
        size=(net.number("height", 0, 1), net.number("width", 0, 1)),
        layers=tuple((section.kind, dict(section.options)) for section in sections),
    )


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the files' network with their weights, ready to be trained further.

    Args:
        preset: The preset.
        files: Has "network" and "weights".

    Returns:
        A model of scaled pictures with the outputs "boxes" and "logits".

    Raises:
        FormatError: A file is damaged, or there is a layer that cannot be trained.
    """
    sizes = config(preset, files)
    made = backbone(sizes)
    stored = ps.load(files["network"], weights=files["weights"]).variables
    numbers = [n for n, (kind, _) in enumerate(sizes.layers) if kind == "convolutional"]
    heads = [n for n in numbers if sizes.layers[n + 1 : n + 2] and sizes.layers[n + 1][0] == "yolo"]
    for place, number in enumerate(n for n in numbers if n not in heads):
        values = {
            k: stored[f"layer{number}/{k}"].numpy()
            for k in (*NORM, "weights")
            if f"layer{number}/{k}" in stored
        }
        layer = made.get_layer(f"conv_{place}")
        if "scales" in values:
            layer.set_weights([values["weights"]])
            made.get_layer(f"conv_{place}_norm").set_weights([values[k] for k in NORM])
        else:
            layer.set_weights([values["weights"], values["biases"]])
    for place, number in enumerate(heads):
        kernel, bias = (stored[f"layer{number}/{k}"].numpy() for k in ("weights", "biases"))
        _fill_head(made, sizes, place, kernel, bias)
    return made


def _fill_head(made: keras.Model, sizes: YoloConfig, place: int, kernel: Any, bias: Any) -> None:
    """Give the three parts of a head what the file has as one: of each anchor 4 of the box, 1 of anything, the classes."""
    anchors, each = sizes.num_anchors(place), 5 + sizes.num_classes
    kernel, bias = kernel.reshape(*kernel.shape[:3], anchors, each), bias.reshape(anchors, each)
    parts = {"box": slice(0, 4), "object": slice(4, 5), "class": slice(5, None)}
    for name, part in parts.items():
        values = (kernel[..., part], bias[..., part])
        flat = [values[0].reshape(*kernel.shape[:3], -1), values[1].ravel()]
        made.get_layer(f"{name}_{place}").set_weights([np.ascontiguousarray(v) for v in flat])
