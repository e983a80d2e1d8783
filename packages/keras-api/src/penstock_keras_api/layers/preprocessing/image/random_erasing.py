"""Erased patches at random."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.color import ColorLayer
from penstock_keras_api.layers.preprocessing.image.factors import Range, as_range, between
from penstock_keras_api.layers.preprocessing.image.geometry import as_number
from penstock_keras_api.layers.preprocessing.image.rows import inside, rows
from penstock_keras_api.random import draws


class RandomErasing(ColorLayer):
    """Fill a rectangle of some images with noise or a colour while training.

    Args:
        factor: The probability: a pair that it is drawn from for each image, or a number for 0 to it.
        scale: The range of the area of the rectangle, as a share of the image's.
        fill_value: What fills the rectangle; None for normally distributed noise.
        value_range: The smallest and the largest value of pixels.
        seed: Where the stream of random numbers begins.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor or the scale is not from 0 to 1, or the range is none.

    >>> from penstock import keras
    >>> layer = keras.layers.RandomErasing((1.0, 1.0), scale=(1.0, 1.0), fill_value=7.0)
    >>> layer([[[1.0], [2.0]]], training=True).shape
    (1, 2, 1)
    """

    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)
        self.scale = as_range("RandomErasing", "scale", scale, (0, 1))
        self.fill_value = fill_value

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        probability = super()._drawn(batch, height, width, key)["strength"]
        u = draws.uniform((5, batch, 1, 1, 1), seed=draws.other_key(key, 1))
        area = between(u[0], self.scale)
        shape = ps.exp(between(u[1], (-math.log(3.0), math.log(3.0))))  # width by height
        share_x = ps.minimum(ps.sqrt(area * shape), 1.0)
        share_y = ps.minimum(ps.sqrt(area / shape), 1.0)
        return {
            "chosen": u[4] < probability,
            "columns": _within(u[2] * (1.0 - share_x), share_x, width),
            "rows": _within(u[3] * (1.0 - share_y), share_y, height),
            "key": draws.other_key(key, 2),
        }

    def _transformed(self, images: Any, made: Transformation) -> Any:
        chosen = ps.reshape(made["chosen"], (made["batch"], 1))
        where = inside(images, made["rows"] & chosen, made["columns"])
        fill = ps.cast(self._fill(images, made), images.dtype)
        fill = rows(fill) if fill.ndim else fill
        return ps.reshape(ps.where(where, fill, rows(images)), images.shape)

    def _fill(self, images: Any, made: Transformation) -> Any:
        if self.fill_value is not None:
            return ps.asarray(float(self.fill_value))
        low, high = map(float, self.value_range)
        noise = draws.normal(images.shape, seed=made["key"])
        return ps.clip(noise * ((high - low) / 4.0) + (high + low) / 2.0, low, high)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "scale": self.scale, "fill_value": self.fill_value}


def _within(begin: Any, length: Any, size: Any) -> Any:
    """Say which pixels of an axis lie in a part of it, given as shares [batch, 1, 1, 1]: [batch, size]."""
    places = ps.reshape(ps.cast(ps.arange(0, size), "float32") + 0.5, (1, size)) / as_number(size)
    begin, length = (ps.reshape(t, (t.shape[0], 1)) for t in (begin, length))
    return (places >= begin) & (places < begin + length)
