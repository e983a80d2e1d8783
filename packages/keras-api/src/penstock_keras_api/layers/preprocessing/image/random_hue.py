"""Hue at random."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.color import ColorLayer
from penstock_keras_api.layers.preprocessing.image.factors import Range
from penstock_keras_api.layers.preprocessing.image.rows import by_rows
from penstock_keras_api.random import draws


class RandomHue(ColorLayer):
    """Turn the hue of colour images while training, one way or the other.

    Args:
        factor: The share of half a turn: a number f for 0 to f, or a pair.
        value_range: The smallest and the largest value of pixels.
        data_format: The order of axes.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor is not from 0 to 1, or the range is none.

    >>> from penstock import keras
    >>> keras.layers.RandomHue((1.0, 1.0))([[[255.0, 0.0, 0.0]]], training=True).tolist()
    [[[0.0, 255.0, 255.0]]]
    """

    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        made = super()._drawn(batch, height, width, key)
        sign = draws.uniform((batch, 1, 1, 1), seed=draws.other_key(key, 1))
        return {"strength": ps.where(sign < 0.5, 0.5, -0.5) * made["strength"]}

    def _transformed(self, images: Any, made: Transformation) -> Any:
        hsv = ps.image.rgb_to_hsv(self._to_unit(images))
        hues = ps.asarray(np.array([1.0, 0.0, 0.0], np.float32).reshape(1, 1, 1, 3))
        turned = by_rows(_turn, hsv, made["strength"] * hues, hues)
        return self._from_unit(ps.image.hsv_to_rgb(turned))


def _turn(hsv: Any, angle: Any, hues: Any) -> Any:
    """Add to hues, which lie in [0, 1); saturation and value stay."""
    moved = hsv + angle
    return moved - ps.floor(moved) * hues
