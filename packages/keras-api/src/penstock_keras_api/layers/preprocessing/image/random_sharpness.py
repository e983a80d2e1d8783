"""Sharpness at random."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.color import ColorLayer
from penstock_keras_api.layers.preprocessing.image.factors import Range
from penstock_keras_api.layers.preprocessing.image.rows import by_rows

_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13.0


class RandomSharpness(ColorLayer):
    """Blur or sharpen images while training: blurred + 2f · (image - blurred); values stay in the range.

    Args:
        factor: f: 0 for blurred, 0.5 for no change, up to 1 for sharpened: a number for 0 to it, or a pair.
        value_range: The smallest and the largest value of pixels.
        data_format: The order of axes.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor is not from 0 to 1, or the range is none.

    >>> from penstock import keras
    >>> keras.layers.RandomSharpness((0.5, 0.5))([[[10.0], [30.0]]], training=True).tolist()
    [[[10.0], [30.0]]]
    """

    _bounds: ClassVar[Range] = (0, 1)
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
        kernel = np.tile(_SMOOTH[:, :, None, None], (1, 1, images.shape[-1], 1))
        blurred = ps.depthwise_conv2d(
            images, ps.cast(ps.asarray(kernel), images.dtype), padding="same"
        )
        difference = by_rows(lambda x, share: x * share, images - blurred, made["strength"] * 2.0)
        return self._clip(blurred + difference)
