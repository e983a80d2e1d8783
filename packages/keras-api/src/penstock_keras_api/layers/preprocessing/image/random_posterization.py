"""Fewer colours at random."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.color import ColorLayer
from penstock_keras_api.layers.preprocessing.image.factors import Range
from penstock_keras_api.layers.preprocessing.image.rows import by_rows
from penstock_keras_api.random import draws


class RandomPosterization(ColorLayer):
    """Keep a few bits of each value while training: the same number for a whole batch, as Keras does.

    Args:
        factor: How many bits, from 1 to 8: a pair, or a number for 1 to it.
        value_range: The smallest and the largest value of pixels.
        data_format: The order of axes.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor is not of whole numbers from 1 to 8, or the range is none.

    >>> from penstock import keras
    >>> keras.layers.RandomPosterization((1, 1))([[[200.0, 127.0, 128.0]]], training=True).tolist()
    [[[128.0, 0.0, 128.0]]]
    """

    _bounds: ClassVar[Range] = (1, 8)
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
        if any(int(n) != n for n in self.factor):
            raise InvalidValueError(
                f"[RandomPosterization] got factor={factor!r}; use whole numbers of bits, from 1 to 8"
            )

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        low, high = self.factor
        bits = ps.floor(draws.uniform((batch, 1, 1, 1), seed=key) * (high - low + 1)) + low
        return {"step": ps.exp2(8.0 - bits)}

    def _transformed(self, images: Any, made: Transformation) -> Any:
        def keep(x: Any, step: Any, share: Any) -> Any:
            bytes_ = ps.floor(self._to_unit(x) * 255.0)
            return self._from_unit(ps.floor(bytes_ * share) * step / 255.0)

        return by_rows(keep, images, made["step"], 1.0 / made["step"])
