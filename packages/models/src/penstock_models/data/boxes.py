"""Boxes as annotations give them, made sound."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from penstock_models.data.examples import Boxes

Corners = tuple[float, float, float, float]
# What a box may stick out of its picture, in pixels, before it is worth a word: annotators count from 0 or from 1.
SLACK = 1.5


def fitted(corners: Corners, width: float, height: float) -> tuple[Corners | None, str]:
    """Return a box in parts of the picture's size, and what was wrong with it.

    Args:
        corners: Left, top, right, bottom in pixels.
        width: The picture's width in pixels.
        height: The picture's height in pixels.

    Returns:
        The part of the box that is on the picture, or None if there is none; and a remark, often empty.

    >>> fitted((10, 10, 30, 20), 100, 40)
    ((0.1, 0.25, 0.3, 0.5), '')
    >>> fitted((200, 10, 230, 20), 100, 40)[0] is None
    True
    """
    left, top, right, bottom = corners
    text = f"the box {left:g}, {top:g}, {right:g}, {bottom:g}"
    if not all(map(math.isfinite, corners)):
        return None, f"{text} is no box: a corner is no number"
    if right <= left or bottom <= top:
        return None, f"{text} is empty: right must be more than left, bottom more than top"
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return None, f"{text} lies outside the picture of {width:g} x {height:g} pixels"
    out = max(-left, -top, right - width, bottom - height)
    remark = f"{text} was cut at the border of {width:g} x {height:g} pixels" if out > SLACK else ""
    x, y = (max(left, 0) / width, min(right, width) / width), (max(top, 0), min(bottom, height))
    return (x[0], y[0] / height, x[1], y[1] / height), remark


def boxes_of(things: Sequence[tuple[str, Corners]], number: Mapping[str, int]) -> Boxes:
    """Return the boxes of a picture.

    Args:
        things: A label and corners for each.
        number: The number of each label.

    >>> boxes_of([("cat", (0.0, 0.0, 0.5, 1.0))], {"cat": 0}).corners.shape
    (1, 4)
    """
    corners = np.array([box for _, box in things], np.float32).reshape(-1, 4)
    return Boxes(corners, np.array([number[label] for label, _ in things], np.int64))
