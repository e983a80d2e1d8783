"""Zooms at random."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.factors import Range, between
from penstock_keras_api.layers.preprocessing.image.geometry import WarpLayer, as_number
from penstock_keras_api.random import draws


class RandomZoom(WarpLayer):
    """Zoom images in or out while training, around their centre.

    Args:
        height_factor: How much more of the height is seen: 0.2 shows 20 % more, -0.2 that much less. A number f for -f
            to f, or a pair.
        width_factor: Likewise for the width; None for the height's, so that proportions stay.
        fill_mode: What lies outside of images: "reflect" (d c b a | a b c d | d c b a), "wrap", "constant", "nearest".
        interpolation: "bilinear" or "nearest".
        seed: Where the stream of random numbers begins.
        fill_value: What lies outside in the mode "constant".
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: A factor is not above -1, or there is no such mode.

    >>> from penstock import keras
    >>> layer = keras.layers.RandomZoom((1.0, 1.0), fill_mode="constant")
    >>> layer([[[4.0], [4.0], [4.0]]], training=True).tolist()
    [[[0.0], [4.0], [0.0]]]
    """

    _bounds: ClassVar[Range] = (-1.0, float("inf"))

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
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
        self._width_range = None
        if width_factor is not None:
            self._width_range = self._set_factor(width_factor, "width_factor")

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        u = draws.uniform((2, batch, 1, 1), seed=key)
        y = 1.0 + between(u[0], self._height_range)
        x = y if self._width_range is None else 1.0 + between(u[1], self._width_range)
        zero = ps.zeros_like(y)
        right, down = (as_number(width) - 1.0) / 2.0, (as_number(height) - 1.0) / 2.0
        return {"matrix": (x, zero, right - x * right, zero, y, down - y * down)}

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = {"height_factor": self.height_factor, "width_factor": self.width_factor}
        return {**super().get_config(), **made, **self._warp_config()}
