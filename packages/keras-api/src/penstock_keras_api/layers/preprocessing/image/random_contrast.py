"""Contrast at random."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.color import ColorLayer
from penstock_keras_api.layers.preprocessing.image.factors import Range
from penstock_keras_api.layers.preprocessing.image.rows import by_rows


class RandomContrast(ColorLayer):
    """Bring pixels nearer to the mean of their channel, or farther away, while training; values stay in the range.

    Args:
        factor: A pair (low, high): the distance is multiplied by a number from 1 - low to 1 + high. A number f stands for
            (0, f).
        value_range: The smallest and the largest value of pixels.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `data_format` and `bounding_box_format`.

    Raises:
        ValueError: The factor is not from 0 to 1, or the range is none.

    >>> from penstock import keras
    >>> keras.layers.RandomContrast(0.0)([[[10.0]], [[30.0]]], training=True).tolist()
    [[[10.0]], [[30.0]]]
    """

    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(factor, value_range, seed, **kwargs)

    def _strength(self) -> Range:
        return 1.0 - self.factor[0], 1.0 + self.factor[1]

    def _transformed(self, images: Any, made: Transformation) -> Any:
        mean = ps.mean(images, axis=(1, 2), keepdims=True)
        strength = ps.cast(made["strength"], images.dtype)
        shift = mean - mean * strength
        return by_rows(lambda x, a, b: self._clip(x * a + b), images, strength, shift)
