"""Layers that warp images: where each pixel of the result is read from, for a whole batch at once."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import RandomImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.boxes import around

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")
Matrix = tuple[
    Any, Any, Any, Any, Any, Any
]  # a, b, c, d, e, f, [batch, 1, 1] each: x' = a x + b y + c


def as_number(size: Any) -> Any:
    """Return a size as a float, also while it is only a symbol."""
    if isinstance(size, int):
        return float(size)
    return ps.cast(ps.ops.size_of((size,)), "float32")


def grid(height: Any, width: Any) -> tuple[Any, Any]:
    """Return x and y of the pixels of an image: [1, 1, width] and [1, height, 1]."""
    x = ps.reshape(ps.cast(ps.arange(0, width), "float32"), (1, 1, width))
    y = ps.reshape(ps.cast(ps.arange(0, height), "float32"), (1, height, 1))
    return x, y


def read(images: Any, x: Any, y: Any, interpolation: str, fill_mode: str, fill_value: float) -> Any:
    """Read images [batch, height, width, channels] at places [batch, rows, columns]."""
    places = ps.stack([y, x], axis=-1)
    made = ps.image.sample(
        ps.cast(images, "float32"), places, interpolation, fill_mode, float(fill_value)
    )
    if images.dtype.kind in ("signed", "unsigned", "bool"):
        made = ps.round(made)
    return ps.cast(made, images.dtype)


def placed(matrix: Matrix, x: Any, y: Any) -> tuple[Any, Any]:
    """Return where points come to: of the same shapes."""
    a, b, c, d, e, f = matrix
    return a * x + b * y + c, d * x + e * y + f


def inverse(matrix: Matrix) -> Matrix:
    """Return the matrix that takes points back."""
    a, b, c, d, e, f = matrix
    scale = 1.0 / (a * e - b * d)
    return (
        e * scale,
        -b * scale,
        (b * f - c * e) * scale,
        -d * scale,
        a * scale,
        (c * d - a * f) * scale,
    )


class WarpLayer(RandomImageLayer):
    """A random layer that reads the pixels of its result elsewhere in the image.

    Args:
        fill_mode: What lies outside of images: "reflect" (d c b a | a b c d | d c b a), "wrap" (a b c d | a b c d |
            a b c d), "nearest" (a a a a | a b c d | d d d d) or "constant" (k k k k | a b c d | k k k k).
        interpolation: "bilinear" or "nearest".
        fill_value: k.
        seed: Where the stream of random numbers begins.
        kwargs: As in `ImageLayer`.

    Raises:
        ValueError: There is no such mode; else as in `ImageLayer`.
    """

    _modes: ClassVar[tuple[str, ...]] = FILL_MODES

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        fill_value: float,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        _check(type(self).__name__, "fill_mode", fill_mode, self._modes)
        _check(type(self).__name__, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = fill_value

    def _sources(self, made: Transformation) -> tuple[Any, Any]:
        """Return x and y of the places where the pixels of the result are read."""
        matrix = made["matrix"]
        x, y = grid(made["height"], made["width"])
        return placed(matrix, x, y)

    def _transformed(self, images: Any, made: Transformation) -> Any:
        x, y = self._sources(made)
        return read(images, x, y, self.interpolation, self.fill_mode, self.fill_value)

    def _transformed_masks(self, masks: Any, made: Transformation) -> Any:
        x, y = self._sources(made)
        return read(masks, x, y, "nearest", self.fill_mode, self.fill_value)

    def _moved(self, corners: Any, made: Transformation) -> Any:
        forward = inverse(made["matrix"])
        return around(corners, lambda x, y: placed(forward, x, y))

    def _warp_config(self) -> dict[str, Any]:
        return {
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "seed": self.seed,
            "fill_value": self.fill_value,
        }


def _check(layer: str, name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        names = ", ".join(map(repr, allowed))
        raise InvalidValueError(f"[{layer}] got {name}={value!r}; use one of {names}")
