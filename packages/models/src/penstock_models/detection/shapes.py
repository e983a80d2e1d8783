"""Drawn pictures with circles, squares, triangles and rings: something to detect where there are no photographs."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_models.data.examples import Boxes, Examples
from penstock_models.evaluation.boxes import overlaps

Array = np.ndarray[Any, Any]

LABELS = ("circle", "square", "triangle", "ring")
MOST_THINGS = 4
# How far apart the colours of a shape and of what is behind it are, at least, of 255.
CONTRAST = 70


def draw_shapes(count: int, size: int = 96, seed: int = 0) -> Examples:
    """Draw pictures with one to four shapes each, of any colour, size and turn, and the boxes around them.

    Args:
        count: How many pictures.
        size: Their height and width in pixels.
        seed: Draws them; a picture depends on the seed and its place alone.

    Returns:
        Examples of kind "detection", with the labels circle, square, triangle and ring.

    Raises:
        ValueError: The size is too small for anything to be seen.

    >>> few = draw_shapes(2, size=48)
    >>> few.inputs[0].shape, few.labels
    ((48, 48, 3), ('circle', 'square', 'triangle', 'ring'))
    """
    if size < 24:
        raise InvalidValueError(f"[draw_shapes] got size={size}; use 24 pixels or more")
    made = [_picture(np.random.default_rng([seed, i]), size) for i in range(count)]
    names = [f"drawn {i}" for i in range(count)]
    return Examples("detection", [x for x, _ in made], [b for _, b in made], LABELS, names)


def _picture(rng: np.random.Generator, size: int) -> tuple[Array, Boxes]:
    y, x = (np.mgrid[0:size, 0:size] + 0.5).astype(np.float64)
    canvas = _background(rng, x, y, size)
    corners: list[Array] = []
    kinds: list[int] = []
    for _ in range(rng.integers(1, MOST_THINGS + 1)):
        kind = int(rng.integers(len(LABELS)))
        radius = size * float(np.exp(rng.uniform(np.log(0.08), np.log(0.28))))
        middle = rng.uniform(radius, size - radius, 2)
        inside = _inside(kind, x - middle[0], y - middle[1], radius, rng.uniform(0, 2 * np.pi))
        box = _around(inside) / size
        if corners and overlaps(box[None], np.array(corners)).max() > 0.02:
            continue  # no place for it
        behind = canvas[inside > 0.5].mean(0)
        canvas += inside[..., None] * (_colour(rng, behind) - canvas)
        corners.append(box)
        kinds.append(kind)
    canvas += rng.normal(0, rng.uniform(0, 10), canvas.shape)
    pixels = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    return pixels, Boxes(np.array(corners), np.array(kinds, np.int64))


def _background(rng: np.random.Generator, x: Array, y: Array, size: int) -> Array:
    """Return a slope from one colour to another, crossed by a few thin lines."""
    angle = rng.uniform(0, 2 * np.pi)
    along = (np.cos(angle) * x + np.sin(angle) * y) / size
    first, last = rng.uniform(0, 255, (2, 3))
    slope: Array = first + np.clip(along, 0, 1)[..., None] * (last - first) * 0.5
    for _ in range(rng.integers(0, 4)):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0, size)
        line = np.abs(np.cos(angle) * x + np.sin(angle) * y - far) < rng.uniform(0.5, 1.5)
        slope[line] = rng.uniform(0, 255, 3)
    return slope


def _colour(rng: np.random.Generator, behind: Array) -> Array:
    while True:
        colour: Array = rng.uniform(0, 255, 3)
        if np.abs(colour - behind).max() > CONTRAST:
            return colour


def _inside(kind: int, x: Array, y: Array, radius: float, turn: float) -> Array:
    """Return how much of each pixel a shape covers, from 0 to 1."""
    far = np.hypot(x, y)
    name = LABELS[kind]
    if name == "circle":
        depth = radius - far
    elif name == "ring":
        depth = radius * 0.3 - np.abs(far - radius * 0.7)
    else:
        sides = {"triangle": 3, "square": 4}[name]
        angles = turn + np.arange(sides) * 2 * np.pi / sides
        walls = [np.cos(a) * x + np.sin(a) * y for a in angles]
        depth = radius * np.cos(np.pi / sides) - np.max(walls, axis=0)
    return np.asarray(np.clip(depth + 0.5, 0.0, 1.0))


def _around(inside: Array) -> Array:
    """Return the box around what is covered by half at least, in pixels."""
    rows, columns = (np.flatnonzero((inside >= 0.5).any(axis)) for axis in (1, 0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)
