"""From a detector's offsets and logits to the things that are on the picture."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock.ops import non_max_suppression_
from penstock_keras_api.layers import Layer
from penstock_models.architectures.box_coding import decode


class Suppression(Layer):
    """Place boxes, and keep the best of those that overlap.

    Each anchor stands for the class that it is surest of.

    Args:
        anchors: [anchors, 4]: middle x, middle y, width and height.
        most: How many things a picture may have.
        overlap: A box that shares more than this with a better one is left out.
        least: The score that a thing needs.
        apart: Whether only boxes of the same class are in one another's way.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: A number is out of range.

    >>> anchors = np.array([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.4, 0.5]], "float32")
    >>> said = {"boxes": np.zeros((1, 2, 4), "float32"), "logits": np.array([[[2.0], [1.0]]], "float32")}
    >>> Suppression(anchors, most=5)(said)["count"].tolist()
    [1]
    """

    def __init__(
        self,
        anchors: Any,
        most: int = 100,
        overlap: float = 0.6,
        least: float = 1e-3,
        apart: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.anchors = np.asarray(anchors, np.float32)
        self.most, self.overlap, self.least, self.apart = most, overlap, least, apart
        self.built = True

    def call(self, said: Any) -> dict[str, Any]:
        """Return what is on pictures.

        Args:
            said: "boxes" [batch, anchors, 4] and "logits" [batch, anchors, classes].

        Returns:
            "boxes" [batch, most, 4] as left, top, right and bottom in parts of the picture, "scores" and "classes"
            [batch, most], the surest first, 0 where there are no more; "count" [batch], how many there are.
        """
        boxes = ps.cast(decode(said["boxes"], self.anchors), "float32")
        scores = ps.sigmoid(ps.cast(said["logits"], "float32"))
        return dict(ps.map(self._of_one, {"boxes": boxes, "scores": scores}))

    def _of_one(self, row: Any) -> dict[str, Any]:
        boxes, scores = row["boxes"], ps.max(row["scores"], 1)
        kinds = ps.argmax(row["scores"], axis=1)
        places, kept, count = non_max_suppression_(
            self._moved(boxes, kinds) if self.apart else boxes,
            scores,
            self.most,
            iou_threshold=self.overlap,
            score_threshold=self.least,
        )
        there = ps.arange(self.most) < count
        rows = ps.where(there, places, 0)
        return {
            "boxes": ps.where(
                ps.expand_dims(there, 1), ps.clip(ps.gather(boxes, rows), 0.0, 1.0), 0.0
            ),
            "scores": ps.where(there, kept, 0.0),
            "classes": ps.where(there, ps.gather(kinds, rows), 0),
            "count": count,
        }

    @staticmethod
    def _moved(boxes: Any, kinds: Any) -> Any:
        """Far from one another, boxes of two classes cannot overlap."""
        reach = ps.max(ps.abs(boxes)) * 2.0 + 1.0
        return boxes + ps.expand_dims(ps.cast(kinds, "float32") * reach, 1)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        own = {n: getattr(self, n) for n in ("most", "overlap", "least", "apart")}
        return {**super().get_config(), "anchors": self.anchors.tolist(), **own}
