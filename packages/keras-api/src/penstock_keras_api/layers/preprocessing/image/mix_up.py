"""Images mixed with others of their batch."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import DTypeError, InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import RandomImageLayer, Transformation
from penstock_keras_api.random import draws


class MixLayer(RandomImageLayer):
    """A layer that mixes each image with another one of its batch, and their labels alike."""

    def _order(self, batch: Any, key: Any) -> Any:
        return ps.argsort(draws.uniform((batch,), seed=key), axis=0)

    def _mixed(self, x: Any, made: Transformation) -> Any:
        """Mix what has a row for each image, by the share that the other image gets."""
        share = ps.cast(ps.reshape(made["share"], (made["batch"], 1)), x.dtype)
        other = ps.reshape(ps.take(x, made["order"], axis=0), (made["batch"], -1))
        mine = ps.reshape(x, (made["batch"], -1))
        return ps.reshape(mine + (other - mine) * share, x.shape)

    def _transformed_labels(self, labels: Any, made: Transformation) -> Any:
        labels = ps.asarray(labels)
        if labels.ndim < 2 or labels.dtype.kind != "float":
            raise DTypeError(
                f"[{self.name}] got labels of shape {tuple(labels.shape)} and dtype {labels.dtype.name}, which cannot be "
                "mixed; write them as one-hot vectors of floats: keras.ops.one_hot(labels, num_classes)"
            )
        return self._mixed(labels, made)


class MixUp(MixLayer):
    """Mix each image with another one of its batch while training, and their labels alike.

    Bounding boxes of both images are kept, one behind the other; so are segmentation masks, as channels.

    Args:
        alpha: The share of the other image has the distribution Beta(alpha, alpha): the smaller, the rarer is a mix.
        data_format: The order of axes.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: alpha is not from 0 to 1.
        TypeError: In a call: labels are no vectors of floats.

    >>> from penstock import keras
    >>> data = {"images": ps.ones((2, 1, 1, 1)), "labels": ps.asarray([[1.0, 0.0], [0.0, 1.0]])}
    >>> mixed = keras.layers.MixUp()(data, training=True)
    >>> mixed["images"].tolist(), ps.sum(mixed["labels"], axis=1).tolist()
    ([[[[1.0]]], [[[1.0]]]], [1.0, 1.0])
    """

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        if not 0 <= alpha <= 1:
            raise InvalidValueError(f"[MixUp] got alpha={alpha!r}; use a number from 0 to 1")
        self.alpha = alpha

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        alpha = max(float(self.alpha), 1e-3)
        share = draws.beta((batch,), alpha, alpha, draws.other_key(key, 1))
        return {"order": self._order(batch, key), "share": share}

    def _transformed(self, images: Any, made: Transformation) -> Any:
        return self._mixed(images, made)

    def _transformed_masks(self, masks: Any, made: Transformation) -> Any:
        return ps.concat([masks, ps.take(masks, made["order"], axis=0)], axis=-1)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Transformation | None, training: bool = True
    ) -> Any:
        """Add the boxes of the other images."""
        if transformation is None:
            return bounding_boxes
        order = transformation["order"]
        given = {k: ps.asarray(v) for k, v in bounding_boxes.items()}
        return {k: ps.concat([v, ps.take(v, order, axis=0)], axis=1) for k, v in given.items()}

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "alpha": self.alpha, "seed": self.seed}
