"""Rotations at random."""

from __future__ import annotations

import math
from typing import Any

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.factors import between
from penstock_keras_api.layers.preprocessing.image.geometry import WarpLayer, as_number
from penstock_keras_api.random import draws


class RandomRotation(WarpLayer):
    """Rotate images around their centre while training.

    Args:
        factor: The angle as a share of a whole turn, counter-clockwise: a number f for -f to f, or a pair.
        fill_mode: What lies outside of images: "reflect" (d c b a | a b c d | d c b a), "wrap", "constant", "nearest".
        interpolation: "bilinear" or "nearest".
        seed: Where the stream of random numbers begins.
        fill_value: What lies outside in the mode "constant".
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor is not from -1 to 1, or there is no such mode.

    >>> from penstock import keras
    >>> image = [[[1.0], [2.0]], [[3.0], [4.0]]]
    >>> ps.round(keras.layers.RandomRotation((0.25, 0.25))(image, training=True))[..., 0].tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, fill_value, seed, data_format=data_format, **kwargs
        )
        self.factor = self._set_factor(factor)

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        turn = between(draws.uniform((batch, 1, 1), seed=key), self.factor) * (2.0 * math.pi)
        cos, sin = ps.cos(turn), ps.sin(turn)
        x, y = (as_number(width) - 1.0) / 2.0, (as_number(height) - 1.0) / 2.0
        return {"matrix": (cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y)}

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "factor": self.factor, **self._warp_config()}
