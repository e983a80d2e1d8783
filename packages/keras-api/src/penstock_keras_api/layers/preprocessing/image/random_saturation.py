"""Saturation at random."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.color import ColorLayer

_LARGEST = 1.0 - 1e-7


class RandomSaturation(ColorLayer):
    """Multiply the saturation of colour images by f / (1 - f) while training, as Keras does.

    0.5 changes nothing, 0 makes images gray. Above 0.5 colours may leave the range of values, as in Keras.

    Args:
        factor: f: a pair, or a number for 0 to it. A number below 0 counts as 0.
        value_range: The smallest and the largest value of pixels.
        data_format: The order of axes.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor is above 1, or the range is none.

    >>> from penstock import keras
    >>> keras.layers.RandomSaturation((0.0, 0.0))([[[200.0, 100.0, 100.0]]], training=True).tolist()
    [[[200.0, 200.0, 200.0]]]
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
        share = ps.minimum(ps.maximum(made["strength"], 0.0), _LARGEST)
        batch, channels = images.shape[0], images.shape[-1]
        low = float(self.value_range[0])
        factor = ps.reshape(ps.cast(share / (1.0 - share), images.dtype), (batch, 1))
        planes = [ps.reshape(images[..., i] - low, (batch, -1)) for i in range(channels)]
        value = planes[0]
        for plane in planes[1:]:
            value = ps.maximum(value, plane)  # of HSV, where value and hue stay
        moved = [value - (value - plane) * factor + low for plane in planes]
        return ps.reshape(ps.stack(moved, axis=-1), images.shape)
