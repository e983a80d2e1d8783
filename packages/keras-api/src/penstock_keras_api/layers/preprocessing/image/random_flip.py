"""Mirror images at random."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import RandomImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.geometry import as_number
from penstock_keras_api.layers.preprocessing.image.rows import by_rows, rows
from penstock_keras_api.random import draws

_AXES = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}


class RandomFlip(RandomImageLayer):
    """Mirror half of the images while training.

    Args:
        mode: "horizontal" (left and right change places), "vertical", or "horizontal_and_vertical": both at once, as in
            Keras.
        seed: Where the stream of random numbers begins.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: There is no such mode.

    >>> from penstock import keras
    >>> layer = keras.layers.RandomFlip("horizontal", seed=1)
    >>> {layer([[[1.0], [2.0]]], training=True)[0, 0, 0].item() for _ in range(20)} == {1.0, 2.0}
    True
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        if mode not in _AXES:
            names = ", ".join(map(repr, _AXES))
            raise InvalidValueError(f"[RandomFlip] got mode={mode!r}; use one of {names}")
        self.mode = mode

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        return {"flips": draws.uniform((batch, 1, 1, 1), seed=key) < 0.5}

    def _transformed(self, images: Any, made: Transformation) -> Any:
        flipped = rows(ps.flip(images, _AXES[self.mode]))
        return by_rows(lambda x, chosen: ps.where(chosen, flipped, x), images, made["flips"])

    def _transformed_masks(self, masks: Any, made: Transformation) -> Any:
        return self._transformed(masks, made)

    def _moved(self, corners: Any, made: Transformation) -> Any:
        left, top, right, bottom = (corners[..., i : i + 1] for i in range(4))
        width, height = as_number(made["width"]), as_number(made["height"])
        if 2 in _AXES[self.mode]:
            left, right = width - right, width - left
        if 1 in _AXES[self.mode]:
            top, bottom = height - bottom, height - top
        flips = ps.squeeze(made["flips"], -1)
        return ps.where(flips, ps.concat([left, top, right, bottom], axis=-1), corners)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "seed": self.seed, "mode": self.mode}
