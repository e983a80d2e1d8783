"""Pictures made worse, to see what a classifier makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError

Array = np.ndarray[Any, Any]


def changed(pixels: Array, change: str, seed: int = 0) -> Array:
    """Return a picture made worse.

    Args:
        pixels: uint8 [height, width, channels].
        change: A name in `CHANGES`.
        seed: Of the noise: the same seed gives the same pixels.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: There is no change of this name.

    >>> changed(np.full((2, 2, 3), 100, np.uint8), "darker")[0, 0].tolist()
    [50, 50, 50]
    """
    if change not in CHANGES:
        raise InvalidValueError(f"[changed] got {change!r}; there are: {', '.join(CHANGES)}")
    made = CHANGES[change](pixels.astype(np.float64), np.random.default_rng(seed))
    whole: Array = np.clip(np.rint(made), 0, 255).astype(np.uint8)
    return whole


def _blurred(pixels: Array, _: np.random.Generator) -> Array:
    """Average over squares of a fortieth of the picture's size, twice: nearly a Gaussian."""
    width = max(3, min(pixels.shape[:2]) // 40 | 1)
    for axis in (0, 1, 0, 1):
        pixels = _running_mean(pixels, width, axis)
    return pixels


def _running_mean(pixels: Array, width: int, axis: int) -> Array:
    padding = [(0, 0)] * pixels.ndim
    padding[axis] = (width // 2 + 1, width // 2)
    sums = np.cumsum(np.pad(pixels, padding, mode="edge"), axis=axis)
    size = pixels.shape[axis]
    mean: Array = (
        np.take(sums, np.arange(width, width + size), axis) - np.take(sums, np.arange(size), axis)
    ) / width
    return mean


def _noisy(pixels: Array, rng: np.random.Generator) -> Array:
    return pixels + rng.normal(0.0, 25.0, pixels.shape)


def _gray(pixels: Array, _: np.random.Generator) -> Array:
    return np.broadcast_to(pixels.mean(axis=2, keepdims=True), pixels.shape)


CHANGES: Mapping[str, Callable[[Array, np.random.Generator], Array]] = {
    "blurred": _blurred,
    "noisy": _noisy,
    "darker": lambda pixels, _: pixels * 0.5,
    "brighter": lambda pixels, _: pixels * 1.3 + 30,
    "without colours": _gray,
}
