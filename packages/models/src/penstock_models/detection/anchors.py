"""Anchors: the boxes that a detector's offsets start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock_models.architectures.detector import DetectorConfig
from penstock_models.architectures.ssd_mobilenet_v1 import SsdMobilenetV1Config
from penstock_models.architectures.yolo import YoloConfig, anchor_sizes, stretch


def anchors_of(config: DetectorConfig) -> np.ndarray[Any, Any]:
    """Return the anchors of a detector.

    Args:
        config: Its sizes.

    Returns:
        float32 [anchors, 4]: middle x, middle y, width and height in parts of the picture, in the order of its outputs.

    Raises:
        ValueError: Never here.

    >>> anchors_of(SsdMobilenetV1Config()).shape
    (1917, 4)
    """
    if isinstance(config, YoloConfig):
        return _of_yolo(config)
    assert isinstance(config, SsdMobilenetV1Config)
    return _of_ssd(config)


def reach_of(config: DetectorConfig) -> np.ndarray[Any, Any] | None:
    """Return how far the middle of a thing may be from an anchor's that answers for it.

    Args:
        config: The detector's sizes.

    Returns:
        float32 [anchors, 2]: in x and y, in parts of the picture; None for any distance.

    Raises:
        ValueError: Never here.
    """
    if not isinstance(config, YoloConfig):
        return None
    parts = []
    for place, (rows, columns) in enumerate(_cells(config)):
        far = 0.5 * stretch(config.heads[place]) / np.array([columns, rows], np.float32)
        parts.append(np.tile(far, (rows * columns * config.num_anchors(place), 1)))
    return np.concatenate(parts)


def _of_yolo(config: YoloConfig) -> np.ndarray[Any, Any]:
    parts = []
    for head, (rows, columns) in zip(config.heads, _cells(config), strict=True):
        sizes = anchor_sizes(head) / np.array(config.size[::-1], np.float32)
        parts.append(_on_grid(rows, columns, [(float(w), float(h)) for w, h in sizes]))
    return np.concatenate(parts).astype(np.float32)


def _cells(config: YoloConfig) -> list[tuple[int, int]]:
    """Return rows and columns of each map that has a head."""
    sides, found = [config.size], []
    for kind, options in config.layers:
        height, width = sides[-1]
        strides = int(options.get("stride", 2 if kind == "upsample" else 1))
        if kind in ("convolutional", "maxpool") and strides > 1:
            height, width = -(-height // strides), -(-width // strides)
        elif kind == "upsample":
            height, width = height * strides, width * strides
        elif kind == "route":
            first = int(options["layers"].split(",")[0])
            height, width = sides[first if first < 0 else first + 1]
        elif kind == "yolo":
            found.append((height, width))
        sides.append((height, width))
    return found


def _of_ssd(config: SsdMobilenetV1Config) -> np.ndarray[Any, Any]:
    scales = [*np.linspace(config.least_scale, config.most_scale, config.num_maps), 1.0]
    parts = []
    for i, (height, width) in enumerate(map_sizes(config)):
        if config.small_first and i == 0:
            shapes = [_shape(0.1, 1.0), _shape(scales[0], 2.0), _shape(scales[0], 0.5)]
        else:
            between = float(np.sqrt(scales[i] * scales[i + 1]))
            shapes = [_shape(scales[i], aspect) for aspect in config.aspects]
            shapes.append(_shape(between, 1.0))
        parts.append(_on_grid(height, width, shapes))
    return np.concatenate(parts).astype(np.float32)


def map_sizes(config: SsdMobilenetV1Config) -> list[tuple[int, int]]:
    """Return height and width of the maps that heads look at, the finest first."""
    height, width = (_halved(side) for side in config.size)  # the stem
    found = []
    for i, (_, strides) in enumerate(config.pairs):
        if strides == 2:
            height, width = _halved(height), _halved(width)
        if i in config.taps:
            found.append((height, width))
    for _ in config.extras:
        height, width = _halved(found[-1][0]), _halved(found[-1][1])
        found.append((height, width))
    return found


def _halved(side: int) -> int:
    return -(-side // 2)


def _shape(scale: float, aspect: float) -> tuple[float, float]:
    """Return width and height of a box of an area and an aspect, width over height."""
    root = float(np.sqrt(aspect))
    return scale * root, scale / root


def _on_grid(height: int, width: int, shapes: Sequence[tuple[float, float]]) -> Any:
    y, x = np.meshgrid(
        (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij"
    )
    middles = np.repeat(np.stack([x, y], -1).reshape(-1, 1, 2), len(shapes), axis=1)
    sides = np.broadcast_to(np.array(shapes), (height * width, len(shapes), 2))
    return np.concatenate([middles, sides], -1).reshape(-1, 4)
