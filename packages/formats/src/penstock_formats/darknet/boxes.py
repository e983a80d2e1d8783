"""From what a [yolo] layer found to boxes, and from many boxes to the best ones."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock.ops import non_max_suppression_
from penstock_formats.darknet.layers import Head


def decode(head: Head, size: tuple[int, int]) -> tuple[Any, Any]:
    """Turn what the net found into boxes and scores.

    With t the found numbers, s the sigmoid, a cell in column i and row j of w · h, and an anchor's width p:
    x = (i + s(t₀)) / w, width = p · e^t₂ / (width of the input), score of a class = s(t₄) · s(t of the class).

    Args:
        head: What a [yolo] layer found.
        size: Height and width of the net's input.

    Returns:
        Boxes [batch, n, 4], as (left, top, right, bottom) in parts of the image, and scores [batch, n, classes].
    """
    batch, rows, columns, anchors, depth = head.values.shape
    place = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).astype(np.float32)
    cells = np.array([columns, rows], np.float32)
    moved = ps.sigmoid(head.values[..., :2]) * head.stretch - (head.stretch - 1) / 2
    middle = (moved + place[:, :, None]) / cells
    half = ps.exp(head.values[..., 2:4]) * (head.anchors / np.array(size[::-1], np.float32) / 2)
    boxes = ps.concat([middle - half, middle + half], axis=-1)
    scores = ps.sigmoid(head.values[..., 4:5]) * ps.sigmoid(head.values[..., 5:])
    count = rows * columns * anchors
    return ps.reshape(boxes, (batch, count, 4)), ps.reshape(scores, (batch, count, depth - 5))


def best(boxes: Any, scores: Any, most: int, overlap: float, least: float) -> list[Any]:
    """Choose boxes of one image by falling score, leaving out those that overlap a better one of their class.

    Args:
        boxes: [n, 4].
        scores: [n, classes].
        most: How many to choose at most.
        overlap: The share of two boxes' union above which the worse one is left out.
        least: The score that a box needs.

    Returns:
        Boxes [most, 4], scores [most], classes [most] as int64, and how many there are; what is missing is 0.
    """
    kinds, top = ps.argmax(scores, axis=1), ps.max(scores, 1)
    # Boxes of different classes are moved apart, so that they do not overlap.
    apart = ps.expand_dims(ps.cast(kinds, "float32"), 1) * 16.0
    clipped = ps.clip(boxes, -4.0, 4.0)
    places, found, count = non_max_suppression_(clipped + apart, top, most, overlap, least)
    there = ps.arange(most) < count
    rows = ps.where(there, places, 0)
    return [
        ps.where(ps.expand_dims(there, 1), ps.gather(boxes, rows), 0.0),
        found,
        ps.where(there, ps.gather(kinds, rows), 0),
        count,
    ]
