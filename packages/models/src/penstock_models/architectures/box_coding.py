"""Boxes as offsets from anchors, and back.

Girshick et al., 2014, "R-CNN", https://arxiv.org/abs/1311.2524, with the scales of Liu et al., 2015, "SSD".
"""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps

# What offsets of middles and of sizes are multiplied by, so that those met in training are near 1.
CENTRE_SCALE, SIZE_SCALE = 10.0, 5.0
# Below this a side's logarithm says nothing more.
LEAST_SIDE = 1e-6


def encode(corners: np.ndarray[Any, Any], anchors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the offsets of boxes from anchors: 10·(middle - its) / size, and 5·log(size / its).

    Args:
        corners: [..., 4]: left, top, right and bottom in parts of the picture.
        anchors: [..., 4]: middle x, middle y, width and height.

    Returns:
        [..., 4]: x, y, width and height.

    Raises:
        ValueError: Shapes do not fit together.

    >>> encode(np.array([0.5, 0.5, 0.75, 0.75]), np.array([0.5, 0.5, 0.25, 0.125])).round(3).tolist()
    [5.0, 10.0, 0.0, 3.466]
    """
    low, high = corners[..., :2], corners[..., 2:]
    moved = ((low + high) / 2 - anchors[..., :2]) / anchors[..., 2:]
    grown = np.log(np.maximum(high - low, LEAST_SIDE) / anchors[..., 2:])
    return np.concatenate([moved * CENTRE_SCALE, grown * SIZE_SCALE], -1)


def decode(offsets: Any, anchors: np.ndarray[Any, Any]) -> Any:
    """Return the boxes that offsets from anchors stand for; the inverse of `encode`.

    Args:
        offsets: Tensor [..., anchors, 4].
        anchors: [anchors, 4]: middle x, middle y, width and height.

    Returns:
        Tensor [..., anchors, 4]: left, top, right and bottom in parts of the picture.

    Raises:
        ShapeError: Shapes do not fit together.

    >>> decode(np.zeros((1, 4), "float32"), np.array([[0.5, 0.5, 0.5, 0.25]], "float32")).tolist()
    [[0.25, 0.375, 0.75, 0.625]]
    """
    offsets = ps.asarray(offsets)
    middle, size = anchors[:, :2], anchors[:, 2:]
    centre = offsets[..., :2] * (size / CENTRE_SCALE) + middle
    half = ps.exp(offsets[..., 2:] / SIZE_SCALE) * (size / 2)
    return ps.concat([centre - half, centre + half], axis=-1)
