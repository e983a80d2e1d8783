"""Layers that vary colours: each image by a strength of its own."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.base import RandomImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.factors import Range, between, check_value_range
from penstock_keras_api.random import draws

GRAY = (0.2989, 0.587, 0.114)  # how bright red, green and blue are


class ColorLayer(RandomImageLayer):
    """A random layer with a range of values and one strength for each image.

    Args:
        factor: The range that the strength is drawn from, or a number.
        value_range: The smallest and the largest value of pixels.
        seed: Where the stream of random numbers begins.
        kwargs: As in `ImageLayer`.

    Raises:
        ValueError: The factor or the range is none; else as in `ImageLayer`.
    """

    _lists_range: ClassVar[bool] = False  # whether the configuration has a list, as Keras has

    def __init__(self, factor: Any, value_range: Any, seed: int | None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.factor = self._set_factor(factor)
        value_range = check_value_range(type(self).__name__, value_range)
        self.value_range = list(value_range) if self._lists_range else value_range

    def _strength(self) -> Range:
        return self.factor

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        return {"strength": between(draws.uniform((batch, 1, 1, 1), seed=key), self._strength())}

    def _clip(self, images: Any) -> Any:
        return ps.clip(images, float(self.value_range[0]), float(self.value_range[1]))

    def _span(self) -> float:
        return float(self.value_range[1]) - float(self.value_range[0])

    def _to_unit(self, images: Any) -> Any:
        return (images - float(self.value_range[0])) / self._span()

    def _from_unit(self, images: Any) -> Any:
        return images * self._span() + float(self.value_range[0])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "factor": self.factor,
            "value_range": self.value_range,
            "seed": self.seed,
        }


def grayscale(images: Any) -> Any:
    """Return how bright pixels are: [..., 1]; of images with one channel, these."""
    if images.shape[-1] != 3:
        return images
    red, green, blue = (images[..., i : i + 1] * GRAY[i] for i in range(3))
    return red + green + blue
