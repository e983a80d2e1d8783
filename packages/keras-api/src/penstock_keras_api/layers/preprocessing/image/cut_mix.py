"""Images with a rectangle of others of their batch."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.factors import Range, between
from penstock_keras_api.layers.preprocessing.image.geometry import as_number
from penstock_keras_api.layers.preprocessing.image.mix_up import MixLayer
from penstock_keras_api.layers.preprocessing.image.rows import inside, rows
from penstock_keras_api.random import draws


class CutMix(MixLayer):
    """Put a rectangle of another image of the batch into each while training, and mix labels by its area.

    Args:
        factor: The range of the area of the rectangle, as a share of the image's, or a number for 0 to it.
        seed: Where the stream of random numbers begins.
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The factor is not from 0 to 1; in a call: there are bounding boxes.
        TypeError: In a call: labels are no vectors of floats.

    >>> from penstock import keras
    >>> data = {"images": ps.ones((2, 4, 4, 1)), "labels": ps.asarray([[1.0, 0.0], [0.0, 1.0]])}
    >>> mixed = keras.layers.CutMix()(data, training=True)
    >>> ps.sum(mixed["labels"], axis=1).tolist()
    [1.0, 1.0]
    """

    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = self._set_factor(factor)

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        u = draws.uniform((3, batch, 1, 1, 1), seed=draws.other_key(key, 1))
        side = ps.sqrt(between(u[0], self.factor))
        down, across = _inside(u[1], side, height), _inside(u[2], side, width)
        shares = [ps.mean(ps.cast(part, "float32"), axis=1) for part in (down, across)]
        made = {"order": self._order(batch, key), "share": shares[0] * shares[1]}
        return {**made, "rows": down, "columns": across}

    def _transformed(self, images: Any, made: Transformation) -> Any:
        where = inside(images, made["rows"], made["columns"])
        given = ps.where(where, rows(ps.take(images, made["order"], axis=0)), rows(images))
        return ps.reshape(given, images.shape)

    def _transformed_masks(self, masks: Any, made: Transformation) -> Any:
        return self._transformed(masks, made)

    def _moved(self, corners: Any, made: Transformation) -> Any:
        raise InvalidValueError(
            f"[{self.name}] got bounding boxes; a box that is cut in two is none: leave them out, or use MixUp"
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "factor": self.factor, "seed": self.seed}


def _inside(place: Any, side: Any, size: Any) -> Any:
    """Say which pixels of an axis lie in a part of it, placed at random: [batch, size]."""
    place, side = (ps.reshape(t, (t.shape[0], 1)) for t in (place, side))
    whole = as_number(size)
    length = ps.round(side * whole)
    begin = ps.floor(place * (whole - length + 1.0))
    places = ps.reshape(ps.cast(ps.arange(0, size), "float32"), (1, size))
    return (places >= begin) & (places < begin + length)
