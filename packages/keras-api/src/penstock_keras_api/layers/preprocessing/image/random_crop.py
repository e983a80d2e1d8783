"""Parts of images at random."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.center_crop import CenterCrop
from penstock_keras_api.layers.preprocessing.image.sizing import cut, resized, scaled, window
from penstock_keras_api.random import draws
from penstock_keras_api.random.seed import SeedGenerator, make_default_seed


class RandomCrop(CenterCrop):
    """Cut a part out of images at random while training: the same place for a whole batch. Else cut out the middle.

    Of an image that is too small the largest part with the new proportions is resized; so it is for all when not
    training.

    Args:
        height: The new height.
        width: The new width.
        seed: Where the stream of random numbers begins.
        data_format: The order of axes.
        name: As in `Layer`.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: A size is not above 0.

    >>> from penstock import keras
    >>> layer = keras.layers.RandomCrop(1, 1, seed=1)
    >>> {layer([[[1.0], [2.0]]], training=True).item() for _ in range(20)} == {1.0, 2.0}
    True
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height, width, data_format, name=name, **kwargs)
        self.seed = make_default_seed() if seed is None else seed
        self.generator = SeedGenerator(self.seed)

    @property
    def _is_random(self) -> bool:
        return True

    def _seed(self) -> Any:
        return self.generator

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Transformation | None:
        """Draw where to cut; without training there is one place."""
        images = data["images"] if isinstance(data, dict) else data
        batch, height, width = self._sizes(images)
        made: Transformation = {"batch": batch, "height": height, "width": width}
        if training:
            key = draws.key_of(self.generator if seed is None else seed)
            made["share"] = draws.uniform((2,), seed=key)
        return made

    def _cropped(self, images: Any, made: Transformation, method: str) -> Any:
        if min(self._room(made)) < 0 or "share" not in made:
            part = window(made["height"], made["width"], self.height, self.width)
            return resized(cut(images, *part), self.height, self.width, method)
        top, left = self._corner(made)
        rows = ps.take(images, top + ps.asarray(np.arange(self.height)), axis=1)
        return ps.take(rows, left + ps.asarray(np.arange(self.width)), axis=2)

    def _corner(self, made: Transformation) -> tuple[Any, Any]:
        room = self._room(made)
        places = [ps.floor(made["share"][i] * (room[i] + 1)) for i in range(2)]
        return ps.cast(places[0], "int64"), ps.cast(places[1], "int64")

    def _moved(self, corners: Any, made: Transformation) -> Any:
        if min(self._room(made)) < 0 or "share" not in made:
            part = window(made["height"], made["width"], self.height, self.width)
            top, left, height, width = part
            x, y = self.width / width, self.height / height
            return scaled(corners, x, y, -left, -top)
        down, right = (ps.cast(n, corners.dtype) for n in self._corner(made))
        return corners - ps.stack([right, down, right, down])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "seed": self.seed}
