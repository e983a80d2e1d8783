"""Shifts at random."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.factors import between
from penstock_keras_api.layers.preprocessing.image.geometry import WarpLayer, as_number
from penstock_keras_api.random import draws


class RandomTranslation(WarpLayer):
    """Shift images while training.

    Args:
        height_factor: How far down, as a share of the height: a number f for -f to f, or a pair.
        width_factor: How far to the right, as a share of the width.
        fill_mode: What lies outside of images: "reflect" (d c b a | a b c d | d c b a), "wrap", "constant", "nearest".
        interpolation: "bilinear" or "nearest".
        seed: Where the stream of random numbers begins.
        fill_value: What lies outside in the mode "constant".
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: A factor is not from -1 to 1, or there is no such mode.

    >>> from penstock import keras
    >>> layer = keras.layers.RandomTranslation((0.0, 0.0), (0.5, 0.5), fill_mode="constant")
    >>> layer([[[1.0], [2.0]]], training=True).tolist()
    [[[0.0], [1.0]]]
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
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
        self.height_factor = height_factor
        self.width_factor = width_factor
        self._height_range = self._set_factor(height_factor, "height_factor")
        self._width_range = self._set_factor(width_factor, "width_factor")

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        u = draws.uniform((2, batch, 1, 1), seed=key)
        down = between(u[0], self._height_range) * as_number(height)
        right = between(u[1], self._width_range) * as_number(width)
        one, zero = ps.ones_like(down), ps.zeros_like(down)
        return {"matrix": (one, zero, -right, zero, one, -down)}

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = {"height_factor": self.height_factor, "width_factor": self.width_factor}
        return {**super().get_config(), **made, **self._warp_config()}
