"""Duller colours at random."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.color import ColorLayer, grayscale
from penstock_keras_api.layers.preprocessing.image.rows import by_rows


class RandomColorDegeneration(ColorLayer):
    """Mix images with their gray selves while training: (1 - f) · image + f · gray.

    Args:
        factor: f: a number for -f to f, or a pair from 0 to 1.
        value_range: The smallest and the largest value of pixels.
        data_format: The order of axes.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor or the range is none.

    >>> from penstock import keras
    >>> layer = keras.layers.RandomColorDegeneration((0.0, 0.0))
    >>> layer([[[200.0, 100.0, 100.0]]], training=True).tolist()
    [[[200.0, 100.0, 100.0]]]
    """

    _lists_range: ClassVar[bool] = True

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def _transformed(self, images: Any, made: Transformation) -> Any:
        gray = ps.broadcast_to(grayscale(images), images.shape)
        difference = by_rows(lambda x, share: x * share, gray - images, made["strength"])
        return images + difference
