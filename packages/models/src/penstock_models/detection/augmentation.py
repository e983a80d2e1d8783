"""Pictures varied with their boxes: mirrored, cut, moved away, and in other light.

Liu et al., 2015, "SSD", section 2.2, https://arxiv.org/abs/1512.02325.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock_models.data.examples import Boxes
from penstock_models.evaluation.boxes import overlaps

Array = np.ndarray[Any, Any]

# How much of a thing a cut must share with it at least; None keeps the whole picture.
LEAST_SHARED = (None, 0.1, 0.3, 0.5, 0.7, 0.9)
TRIALS = 30
MOST_AWAY = 2.0
GRAY = 127


def varied(pixels: Array, boxes: Boxes, rng: np.random.Generator) -> tuple[Array, Boxes]:
    """Return a variation of a picture and its boxes.

    Args:
        pixels: uint8 [height, width, 3].
        boxes: What is on it.
        rng: Draws the variation.

    Returns:
        Pixels of another size, and the boxes on them.

    Raises:
        ValueError: The shapes are others.

    >>> thing = Boxes(np.array([[0.2, 0.2, 0.6, 0.6]]), np.array([0]))
    >>> pixels, found = varied(np.zeros((40, 60, 3), "uint8"), thing, np.random.default_rng(0))
    >>> len(found.classes)
    1
    """
    if rng.random() < 0.5:
        pixels, boxes = mirrored(pixels, boxes)
    window = away(rng) if rng.random() < 0.3 else cut_window(boxes.corners, rng)
    pixels, boxes = seen_through(pixels, boxes, window)
    return relit(pixels, rng), boxes


def mirrored(pixels: Array, boxes: Boxes) -> tuple[Array, Boxes]:
    """Return the picture in a mirror, left for right."""
    corners = boxes.corners.copy()
    corners[:, [0, 2]] = 1.0 - corners[:, [2, 0]]
    return pixels[:, ::-1], Boxes(corners, boxes.classes)


def away(rng: np.random.Generator) -> Array:
    """Return a window that is larger than the picture, so that things look smaller."""
    side = rng.uniform(1.0, MOST_AWAY)
    left, top = rng.uniform(1.0 - side, 0.0, 2)
    return np.array([left, top, left + side, top + side])


def cut_window(corners: Array, rng: np.random.Generator) -> Array:
    """Return a window inside the picture that shares enough with one of the boxes.

    Args:
        corners: [things, 4].
        rng: Draws how much is enough, and the window.

    Returns:
        [4]: left, top, right and bottom; the whole picture where nothing suits.

    Raises:
        ValueError: The shape is another.
    """
    whole = np.array([0.0, 0.0, 1.0, 1.0])
    least = LEAST_SHARED[rng.integers(len(LEAST_SHARED))]
    if least is None or not len(corners):
        return whole
    for _ in range(TRIALS):
        width, height = rng.uniform(0.3, 1.0, 2)
        if not 0.5 <= width / height <= 2.0:
            continue
        left, top = rng.uniform(0.0, 1.0 - width), rng.uniform(0.0, 1.0 - height)
        window = np.array([left, top, left + width, top + height])
        enough = overlaps(window[None], corners)[0].max() >= least
        if enough and _middles_inside(corners, window).any():
            return window
    return whole


def _middles_inside(corners: Array, window: Array) -> Array:
    middles = (corners[:, :2] + corners[:, 2:]) / 2
    return np.asarray(((middles > window[:2]) & (middles < window[2:])).all(1))


def seen_through(pixels: Array, boxes: Boxes, window: Array) -> tuple[Array, Boxes]:
    """Return what a window shows; gray where there is no picture.

    Args:
        pixels: [height, width, channels].
        boxes: What is on it. What has its middle outside of the window is left out.
        window: [4]: left, top, right and bottom in parts of the picture.

    Returns:
        The pixels and boxes inside.

    Raises:
        ValueError: The window is empty.
    """
    height, width = pixels.shape[:2]
    sides = np.array([width, height, width, height])
    left, top, right, bottom = (int(x) for x in np.rint(window * sides))
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    made = np.full((bottom - top, right - left, pixels.shape[2]), GRAY, pixels.dtype)
    inner = pixels[max(top, 0) : bottom, max(left, 0) : right]
    y, x = max(-top, 0), max(-left, 0)
    made[y : y + inner.shape[0], x : x + inner.shape[1]] = inner
    exact = np.array([left, top, right, bottom]) / sides
    kept = _middles_inside(boxes.corners, exact)
    size = np.tile(exact[2:] - exact[:2], 2)
    corners = np.clip((boxes.corners[kept] - np.tile(exact[:2], 2)) / size, 0.0, 1.0)
    return made, Boxes(corners, boxes.classes[kept])


def relit(pixels: Array, rng: np.random.Generator) -> Array:
    """Return a picture with other brightness, contrast and strength of colours.

    Args:
        pixels: uint8 [height, width, 3].
        rng: Draws how much.

    Returns:
        As `pixels`.

    Raises:
        ValueError: Never here.
    """
    light, contrast, colour = rng.uniform(-24, 24), rng.uniform(0.75, 1.25), rng.uniform(0.6, 1.4)
    x = pixels.astype(np.float32)
    gray = x.mean(-1, keepdims=True)
    x = gray + (x - gray) * np.float32(colour)
    middle = np.float32(gray.mean())
    x = (x - middle) * np.float32(contrast) + (middle + np.float32(light))
    made: Array = np.clip(np.rint(x), 0, 255).astype(np.uint8)
    return made
