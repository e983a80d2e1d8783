"""Shears at random."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.factors import between
from penstock_keras_api.layers.preprocessing.image.geometry import WarpLayer
from penstock_keras_api.random import draws


class RandomShear(WarpLayer):
    """Shear images while training, one way or the other, from their upper left corner.

    Args:
        x_factor: By how much of its distance from the top each row is shifted: a pair from -1 to 1, or a number f for
            -f to f.
        y_factor: Likewise for columns, and their distance from the left.
        interpolation: "bilinear" or "nearest".
        fill_mode: What lies outside of images: "reflect" (d c b a | a b c d | d c b a), "wrap", "constant", "nearest".
        fill_value: What lies outside in the mode "constant".
        data_format: The order of axes.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: A factor is not from -1 to 1, or there is no such mode.

    >>> from penstock import keras
    >>> layer = keras.layers.RandomShear(0.0, 0.0)
    >>> layer([[[1.0], [2.0]]], training=True).tolist()
    [[[1.0], [2.0]]]
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, fill_value, seed, data_format=data_format, **kwargs
        )
        self.x_factor = self._set_factor(x_factor, "x_factor")
        self.y_factor = self._set_factor(y_factor, "y_factor")

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        u = draws.uniform((3, batch, 1, 1), seed=key)
        sign = ps.where(u[2] < 0.5, -1.0, 1.0)
        x, y = between(u[0], self.x_factor) * sign, between(u[1], self.y_factor) * sign
        one, zero = ps.ones_like(x), ps.zeros_like(x)
        return {"matrix": (one, x, zero, y, one, zero)}

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = {"x_factor": self.x_factor, "y_factor": self.y_factor}
        return {**super().get_config(), **made, **self._warp_config()}
