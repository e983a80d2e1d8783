"""Colours at random in all ways."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.layers.preprocessing.image.base import RandomImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.factors import check_value_range
from penstock_keras_api.layers.preprocessing.image.random_brightness import RandomBrightness
from penstock_keras_api.layers.preprocessing.image.random_contrast import RandomContrast
from penstock_keras_api.layers.preprocessing.image.random_hue import RandomHue
from penstock_keras_api.layers.preprocessing.image.random_saturation import RandomSaturation
from penstock_keras_api.random import draws


class RandomColorJitter(RandomImageLayer):
    """Vary brightness, contrast, saturation and hue while training, in this order.

    Args:
        value_range: The smallest and the largest value of pixels.
        brightness_factor: As in `RandomBrightness`; None leaves brightness as it is.
        contrast_factor: As in `RandomContrast`.
        saturation_factor: As in `RandomSaturation`.
        hue_factor: As in `RandomHue`.
        seed: Where the stream of random numbers begins.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: A factor or the range is none.

    >>> from penstock import keras
    >>> layer = keras.layers.RandomColorJitter(brightness_factor=(0.1, 0.1), value_range=(0, 1))
    >>> [round(v, 3) for v in layer([[[0.5, 0.0, 0.25]]], training=True)[0, 0].tolist()]
    [0.6, 0.1, 0.35]
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        self.value_range = check_value_range("RandomColorJitter", value_range)
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        kinds = {
            RandomBrightness: brightness_factor,
            RandomContrast: contrast_factor,
            RandomSaturation: saturation_factor,
            RandomHue: hue_factor,
        }
        self._steps = [
            kind(factor, value_range=value_range, seed=0, dtype=self.dtype_policy)
            for kind, factor in kinds.items()
            if factor is not None
        ]

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        steps = enumerate(self._steps, 1)
        return {
            "steps": [s._drawn(batch, height, width, draws.other_key(key, i)) for i, s in steps]
        }

    def _transformed(self, images: Any, made: Transformation) -> Any:
        for step, drawn in zip(self._steps, made["steps"], strict=True):
            images = step._transformed(images, drawn)
        return images

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "brightness_factor": self.brightness_factor,
            "contrast_factor": self.contrast_factor,
            "saturation_factor": self.saturation_factor,
            "hue_factor": self.hue_factor,
            "seed": self.seed,
        }
