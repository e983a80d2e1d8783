"""Gray images at random."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import RandomImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.color import grayscale
from penstock_keras_api.layers.preprocessing.image.rows import by_rows, rows
from penstock_keras_api.random import draws


class RandomGrayscale(RandomImageLayer):
    """Turn some images gray while training; they keep their three channels.

    Args:
        factor: The probability.
        data_format: The order of axes.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor is not from 0 to 1.

    >>> from penstock import keras
    >>> keras.layers.RandomGrayscale(0.0)([[[200.0, 100.0, 100.0]]], training=True).tolist()
    [[[200.0, 100.0, 100.0]]]
    """

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        if not 0 <= factor <= 1:
            raise InvalidValueError(
                f"[RandomGrayscale] got factor={factor!r}; use a probability from 0 to 1"
            )
        self.factor = factor

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        return {"chosen": draws.uniform((batch, 1, 1, 1), seed=key) < self.factor}

    def _transformed(self, images: Any, made: Transformation) -> Any:
        gray = rows(ps.broadcast_to(grayscale(images), images.shape))
        return by_rows(lambda x, chosen: ps.where(chosen, gray, x), images, made["chosen"])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = {**super().get_config(), "factor": self.factor}
        return made if self.seed is None else {**made, "seed": self.seed}
