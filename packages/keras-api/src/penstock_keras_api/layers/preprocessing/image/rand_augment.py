"""Several variations at random, one behind the other."""

from __future__ import annotations

from typing import Any, ClassVar

from penstock_keras_api.layers.preprocessing.image.base import RandomImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.factors import Range, check_value_range
from penstock_keras_api.layers.preprocessing.image.policies import Choice, operations
from penstock_keras_api.random import draws


class RandAugment(RandomImageLayer):
    """Vary images in a few ways while training, which are drawn for each batch; how strongly, for each image.

    Args:
        value_range: The smallest and the largest value of pixels.
        num_ops: In how many ways.
        factor: The range of strengths, or a number for 0 to it.
        interpolation: "bilinear" or "nearest".
        seed: Where the stream of random numbers begins.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor is not from 0 to 1, or the range is none.

    Source:
        Cubuk and others, 2020, "RandAugment: practical automated data augmentation with a reduced search space".

    >>> import penstock as ps
    >>> from penstock import keras
    >>> keras.layers.RandAugment()(ps.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        self.value_range = check_value_range("RandAugment", value_range)
        self.num_ops = num_ops
        self.factor = self._set_factor(factor)
        self.interpolation = interpolation
        self._choice = Choice(operations(value_range, self.factor, interpolation))

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        keys = [draws.other_key(key, i) for i in range(1, self.num_ops + 1)]
        return {"steps": [self._choice.drawn(k) for k in keys]}

    def _through(self, x: Any, made: Transformation, method: str) -> Any:
        for step in made["steps"]:
            x = self._choice.apply(x, step, made, method)
        return x

    def _transformed(self, images: Any, made: Transformation) -> Any:
        return self._through(images, made, "_transformed")

    def _transformed_masks(self, masks: Any, made: Transformation) -> Any:
        return self._through(masks, made, "_transformed_masks")

    def _moved(self, corners: Any, made: Transformation) -> Any:
        return self._through(corners, made, "_moved")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "num_ops": self.num_ops,
            "factor": self.factor,
            "interpolation": self.interpolation,
            "seed": self.seed,
        }
