"""Elastic distortions at random."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.factors import (
    Range,
    as_range,
    between,
    check_value_range,
)
from penstock_keras_api.layers.preprocessing.image.geometry import WarpLayer, as_number, grid
from penstock_keras_api.random import draws

_KNOTS = 8  # displacements are drawn at so many places along each axis, and smooth between them
_LARGEST = 0.1  # of the image's longer side


class RandomElasticTransform(WarpLayer):
    """Distort some images while training, as if they were drawn on rubber.

    Args:
        factor: The probability: a pair that it is drawn from for each image, or a number for 0 to it.
        scale: The strength: a pair that it is drawn from for each image, or a number for 0 to it. At 1 a pixel is
            displaced by a tenth of the longer side at most.
        interpolation: "bilinear" or "nearest".
        fill_mode: What lies outside of images: "reflect" (d c b a | a b c d | d c b a), "wrap", "constant", "nearest".
        fill_value: What lies outside in the mode "constant".
        value_range: The smallest and the largest value of pixels.
        seed: Where the stream of random numbers begins.
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The factor or the scale is not from 0 to 1, the range is none, or there is no such mode; in a call:
            there are bounding boxes, which have no shape to be distorted to.

    >>> from penstock import keras
    >>> keras.layers.RandomElasticTransform(scale=0.0)([[[1.0], [2.0]]], training=True).tolist()
    [[[1.0], [2.0]]]
    """

    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, fill_value, seed, data_format=data_format, **kwargs
        )
        self.factor = self._set_factor(factor)
        self.scale = as_range("RandomElasticTransform", "scale", scale, (0, 1))
        self.value_range = check_value_range("RandomElasticTransform", value_range)

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        u = draws.uniform((3, batch, 1, 1, 1), seed=key)
        knots = draws.uniform((batch, _KNOTS, _KNOTS, 2), -1.0, 1.0, draws.other_key(key, 1))
        longer = ps.maximum(as_number(height), as_number(width))
        strength = between(u[0], self.scale) * longer * _LARGEST
        strength = ps.where(u[1] < between(u[2], self.factor), strength, 0.0)
        return {"shifts": ps.image.resize(knots * strength, (height, width), "bicubic")}

    def _sources(self, made: Transformation) -> tuple[Any, Any]:
        x, y = grid(made["height"], made["width"])
        shifts = made["shifts"]
        return x + shifts[..., 0], y + shifts[..., 1]

    def _moved(self, corners: Any, made: Transformation) -> Any:
        raise InvalidValueError(
            f"[{self.name}] got bounding boxes; a distorted box is none: leave them out, or use RandomPerspective"
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = {"factor": self.factor, "scale": self.scale, "value_range": self.value_range}
        return {**super().get_config(), **made, **self._warp_config()}
