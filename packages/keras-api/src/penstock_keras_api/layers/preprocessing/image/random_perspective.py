"""Changes of perspective at random."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.boxes import around
from penstock_keras_api.layers.preprocessing.image.factors import Range, between
from penstock_keras_api.layers.preprocessing.image.geometry import WarpLayer, as_number, grid
from penstock_keras_api.random import draws

_CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


class RandomPerspective(WarpLayer):
    """Move the corners of some images inwards while training, as if they were seen from aside.

    Args:
        factor: The probability: a pair that it is drawn from for each image, or a number for 0 to it.
        scale: How far corners move at most, as a share of half the image: from 0 to 1.
        interpolation: "bilinear" or "nearest".
        fill_value: What lies outside of images.
        seed: Where the stream of random numbers begins.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor or the scale is not from 0 to 1, or there is no such interpolation.

    >>> from penstock import keras
    >>> keras.layers.RandomPerspective(scale=0.0)([[[1.0], [2.0]], [[3.0], [4.0]]], training=True).tolist()
    [[[1.0], [2.0]], [[3.0], [4.0]]]
    """

    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            "constant", interpolation, fill_value, seed, data_format=data_format, **kwargs
        )
        self.factor = self._set_factor(factor)
        if not 0 <= scale <= 1:
            raise InvalidValueError(
                f"[RandomPerspective] got scale={scale!r}; use a number from 0 to 1"
            )
        self.scale = scale

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        u = draws.uniform((10, batch, 1, 1), seed=key)
        chosen = u[8] < between(u[9], self.factor)
        inwards = ps.where(chosen, u * (0.5 * self.scale), 0.0)
        corners = []
        for i, (x, y) in enumerate(_CORNERS):
            dx, dy = inwards[2 * i], inwards[2 * i + 1]
            corners.append((x + dx * (1.0 - 2.0 * x), y + dy * (1.0 - 2.0 * y)))
        return {"forward": _to_quadrilateral(corners)}

    def _sources(self, made: Transformation) -> tuple[Any, Any]:
        x, y = grid(made["height"], made["width"])
        return _projected(_adjugate(made["forward"]), x, y, made)

    def _moved(self, corners: Any, made: Transformation) -> Any:
        return around(corners, lambda x, y: _projected(made["forward"], x, y, made))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            **self._warp_config(),
        }
        del made["fill_mode"]
        return made


def _projected(matrix: tuple[Any, ...], x: Any, y: Any, made: Transformation) -> tuple[Any, Any]:
    """Take points, in pixels, where a matrix of coordinates from 0 to 1 takes them."""
    wide = ps.maximum(as_number(made["width"]) - 1.0, 1.0)
    high = ps.maximum(as_number(made["height"]) - 1.0, 1.0)
    a, b, c, d, e, f, g, h, i = matrix
    u, v = x / wide, y / high
    below = g * u + h * v + i
    return (a * u + b * v + c) / below * wide, (d * u + e * v + f) / below * high


def _to_quadrilateral(corners: list[tuple[Any, Any]]) -> tuple[Any, ...]:
    """Return the matrix that takes the unit square to a quadrilateral.

    Source:
        Heckbert, 1989, "Fundamentals of texture mapping and image warping", section 2.2.3.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    scale = 1.0 / (dx1 * dy2 - dx2 * dy1)
    g, h = (sx * dy2 - dx2 * sy) * scale, (dx1 * sy - sx * dy1) * scale
    a, b = x1 - x0 + g * x1, x3 - x0 + h * x3
    d, e = y1 - y0 + g * y1, y3 - y0 + h * y3
    return a, b, x0, d, e, y0, g, h, ps.ones_like(g)


def _adjugate(matrix: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the inverse of a matrix, up to a factor."""
    a, b, c, d, e, f, g, h, i = matrix
    return (
        e * i - f * h,
        c * h - b * i,
        b * f - c * e,
        f * g - d * i,
        a * i - c * g,
        c * d - a * f,
        d * h - e * g,
        b * g - a * h,
        a * e - b * d,
    )
