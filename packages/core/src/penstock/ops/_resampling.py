"""How much each pixel of a line counts for each pixel of a longer or shorter one: what resizing is made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

METHODS = ("nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchell")


def _triangle(x: Any) -> Any:
    return np.maximum(1 - np.abs(x), 0)


def _keys(x: Any) -> Any:
    """Be the cubic of Keys with a = -1/2."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _mitchell(x: Any) -> Any:
    """Be the cubic of Mitchell and Netravali with B = C = 1/3."""
    x = np.abs(x)
    near = (7 / 6 * x - 2) * x * x + 8 / 9
    far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _gaussian(x: Any) -> Any:
    return np.where(np.abs(x) < 1.5, np.exp(-2 * x * x), 0)


def _lanczos(radius: int) -> Callable[[Any], Any]:
    return lambda x: np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0)


_KERNELS: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, _keys),
    "mitchell": (2.0, _mitchell),
    "gaussian": (1.5, _gaussian),
    "lanczos3": (3.0, _lanczos(3)),
    "lanczos5": (5.0, _lanczos(5)),
}


def weights(size: int, out: int, method: str, antialias: bool) -> Any:
    """Make the matrix [out, size] that resizes a line. Pixels have their centres at 1/2, 3/2, ..."""
    matrix = np.zeros((out, size))
    for i in range(out if size else 0):
        first, line = _line(size, out, i, method, antialias)
        matrix[i, first : first + len(line)] = line
    return matrix


def _line(size: int, out: int, i: int, method: str, antialias: bool) -> tuple[int, Any]:
    if method == "nearest":
        return min((2 * i + 1) * size // (2 * out), size - 1), np.ones(1)
    if method == "area":
        first, last = i * size // out, -((i + 1) * size // -out)
        edges = np.clip(np.arange(first, last + 1), i * size / out, (i + 1) * size / out)
        return first, np.diff(edges) * out / size
    radius, kernel = _KERNELS[method]
    stretch = max(size / out, 1.0) if antialias else 1.0
    centre = (i + 0.5) * size / out
    first = max(math.ceil(centre - radius * stretch - 0.5), 0)
    last = min(math.floor(centre + radius * stretch - 0.5), size - 1)
    line = kernel((np.arange(first, last + 1) + 0.5 - centre) / stretch)
    return first, line / line.sum()
