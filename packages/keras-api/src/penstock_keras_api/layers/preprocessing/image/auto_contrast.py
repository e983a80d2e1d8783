"""Pixels stretched over the whole range of values."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import ImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.factors import check_value_range
from penstock_keras_api.layers.preprocessing.image.rows import by_rows


class AutoContrast(ImageLayer):
    """Stretch each channel of each image over the whole range of values, also when not training.

    A channel of one colour stays as it is.

    Args:
        value_range: The smallest and the largest value of pixels.
        kwargs: As in `Layer`, and `data_format` and `bounding_box_format`.

    Raises:
        ValueError: The range is none.

    >>> from penstock import keras
    >>> keras.layers.AutoContrast()([[[10.0], [20.0], [30.0]]]).tolist()
    [[[0.0], [127.5], [255.0]]]
    """

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = list(check_value_range("AutoContrast", value_range))

    def _transformed(self, images: Any, made: Transformation) -> Any:
        least, most = map(float, self.value_range)
        low = ps.min(images, axis=(1, 2), keepdims=True)
        high = ps.max(images, axis=(1, 2), keepdims=True)
        spread = high - low
        scale = ps.where(spread > 0, (most - least) / ps.where(spread > 0, spread, 1.0), 1.0)
        shift = ps.where(spread > 0, least - low * scale, 0.0)
        return by_rows(lambda x, a, b: ps.clip(x * a + b, least, most), images, scale, shift)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "value_range": self.value_range}
