"""Which found boxes are which true things: overlap, and matching by the rules of VOC or COCO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Rules = Literal["coco", "voc"]


@dataclass(frozen=True)
class Found:
    """What a detector found on a picture.

    Args:
        corners: [found, 4]: left, top, right, bottom in parts of the picture's width and height.
        scores: [found], how sure it is, from 0 to 1.
        classes: [found], the labels' numbers.
    """

    corners: Array
    scores: Array
    classes: Array


def overlaps(found: Array, true: Array) -> Array:
    """Return the area that two boxes share over the area that they cover.

    Args:
        found: [n, 4]: left, top, right, bottom.
        true: [m, 4].

    Returns:
        float64 [n, m].

    Raises:
        ValueError: Never here.

    >>> overlaps(np.array([[0.0, 0.0, 2.0, 1.0]]), np.array([[1.0, 0.0, 3.0, 1.0]])).round(3).tolist()
    [[0.333]]
    """
    a, b = np.asarray(found, np.float64).reshape(-1, 4), np.asarray(true, np.float64).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    covered = _areas(a)[:, None] + _areas(b)[None] - shared
    parts: Array = np.divide(shared, covered, out=np.zeros_like(shared), where=covered > 0)
    return parts


def match(found: Array, true: Array, least: float, rules: Rules = "coco") -> Array:
    """Say which true thing each box found, if any. Every thing can be found once.

    By COCO's rules a box takes the thing that it overlaps most among those not yet taken. By VOC's it may only take the
    one that it overlaps most of all: if that is taken already, the box is wrong.

    Args:
        found: [n, 4], the surest first.
        true: [m, 4].
        least: The overlap that counts as found.
        rules: "coco" or "voc".

    Returns:
        [n], the things' numbers; -1 for a box that found nothing.

    Raises:
        ValueError: Never here.
    """
    matched = np.full(len(found), -1)
    if not len(true):
        return matched
    table = overlaps(found, true)
    taken = np.zeros(len(true), bool)
    for row, own in enumerate(table):
        # Of equal overlaps COCO takes the last thing, VOC the first.
        open_ones = np.where(taken, -1.0, own) if rules == "coco" else own
        best = (
            len(true) - 1 - int(open_ones[::-1].argmax())
            if rules == "coco"
            else int(open_ones.argmax())
        )
        if open_ones[best] >= least and not taken[best]:
            matched[row] = best
            taken[best] = True
    return matched


def _areas(boxes: Array) -> Array:
    area: Array = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    return area
