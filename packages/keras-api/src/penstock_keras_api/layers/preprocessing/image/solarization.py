"""Bright pixels turned to their negatives."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import RandomImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.factors import (
    as_range,
    between,
    check_value_range,
)
from penstock_keras_api.layers.preprocessing.image.rows import by_rows
from penstock_keras_api.random import draws


class Solarization(RandomImageLayer):
    """Add something to pixels while training, and turn those above a threshold into their negatives.

    Args:
        addition_factor: What is added, as a share of the range of values: a pair, or a number for 0 to it.
        threshold_factor: The threshold, likewise.
        value_range: The smallest and the largest value of pixels.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `data_format` and `bounding_box_format`.

    Raises:
        ValueError: A factor is not from 0 to 1, or the range is none.

    >>> from penstock import keras
    >>> keras.layers.Solarization(threshold_factor=(0.5, 0.5))([[[200.0, 100.0]]], training=True).tolist()
    [[[55.0, 100.0]]]
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.addition_factor = as_range("Solarization", "addition_factor", addition_factor, (0, 1))
        self.threshold_factor = as_range(
            "Solarization", "threshold_factor", threshold_factor, (0, 1)
        )
        self.value_range = list(check_value_range("Solarization", value_range))

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        first, second = (
            draws.uniform((batch, 1, 1, 1), seed=draws.other_key(key, i)) for i in range(2)
        )
        low, high = map(float, self.value_range)
        return {
            "addition": between(first, self.addition_factor) * (high - low),
            "threshold": between(second, self.threshold_factor) * (high - low) + low,
        }

    def _transformed(self, images: Any, made: Transformation) -> Any:
        low, high = map(float, self.value_range)

        def turn(x: Any, addition: Any, threshold: Any) -> Any:
            more = ps.clip(x + addition, low, high)
            return ps.where(more < threshold, more, (high + low) - more)

        return by_rows(turn, images, made["addition"], made["threshold"])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
            "seed": self.seed,
        }
