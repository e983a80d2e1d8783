"""Inverted colours at random."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.color import ColorLayer
from penstock_keras_api.layers.preprocessing.image.factors import Range
from penstock_keras_api.layers.preprocessing.image.rows import by_rows
from penstock_keras_api.random import draws


class RandomInvert(ColorLayer):
    """Turn some images into their negatives while training.

    Args:
        factor: The probability: a pair that it is drawn from for each image, or a number for 0 to it.
        value_range: The smallest and the largest value of pixels.
        seed: Where the stream of random numbers begins.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor is not from 0 to 1, or the range is none.

    >>> from penstock import keras
    >>> keras.layers.RandomInvert((1.0, 1.0))([[[200.0, 0.0, 100.0]]], training=True).tolist()
    [[[55.0, 255.0, 155.0]]]
    """

    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        probability = super()._drawn(batch, height, width, key)["strength"]
        return {
            "chosen": draws.uniform((batch, 1, 1, 1), seed=draws.other_key(key, 1)) < probability
        }

    def _transformed(self, images: Any, made: Transformation) -> Any:
        low, high = map(float, self.value_range)
        sign = ps.where(made["chosen"], -1.0, 1.0)
        shift = ps.where(made["chosen"], high + low, 0.0)
        return by_rows(lambda x, a, b: x * a + b, images, sign, shift)
