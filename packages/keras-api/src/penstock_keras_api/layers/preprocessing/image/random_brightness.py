"""Brightness at random."""

from __future__ import annotations

from typing import Any, ClassVar

from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.color import ColorLayer
from penstock_keras_api.layers.preprocessing.image.rows import by_rows


class RandomBrightness(ColorLayer):
    """Add a share of the range of values to each image while training; values stay in the range.

    Args:
        factor: The share, from -1 (black) to 1 (white): a number f for -f to f, or a pair.
        value_range: The smallest and the largest value of pixels.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `data_format` and `bounding_box_format`.

    Raises:
        ValueError: The factor or the range is none.

    >>> from penstock import keras
    >>> keras.layers.RandomBrightness((0.5, 0.5), value_range=(0, 1))([[[0.25]]], training=True).tolist()
    [[[0.75]]]
    """

    _lists_range: ClassVar[bool] = True

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(factor, value_range, seed, **kwargs)

    def _transformed(self, images: Any, made: Transformation) -> Any:
        return by_rows(
            lambda x, more: self._clip(x + more), images, made["strength"] * self._span()
        )
