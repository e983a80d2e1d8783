"""As many bounding boxes for each image."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import ImageLayer, Transformation


class MaxNumBoundingBoxes(ImageLayer):
    """Keep the first bounding boxes of each image, or fill up their number.

    Args:
        max_number: How many there are to be.
        fill_value: What stands in boxes, and in labels, that are filled in.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The number is not above 0.

    >>> from penstock import keras
    >>> boxes = {"boxes": ps.ones((1, 1, 4)), "labels": ps.ones((1, 1))}
    >>> layer = keras.layers.MaxNumBoundingBoxes(2)
    >>> layer({"images": ps.ones((1, 2, 2, 1)), "bounding_boxes": boxes})["bounding_boxes"]["labels"].tolist()
    [[1.0, -1.0]]
    """

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if max_number < 1:
            raise InvalidValueError(
                f"[MaxNumBoundingBoxes] got max_number={max_number!r}; use a number above 0"
            )
        self.max_number = max_number
        self.fill_value = fill_value

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Transformation | None, training: bool = True
    ) -> Any:
        """Cut or fill up boxes and labels."""
        return {name: self._filled(ps.asarray(value)) for name, value in bounding_boxes.items()}

    def _filled(self, x: Any) -> Any:
        kept = x[:, : self.max_number]
        missing = self.max_number - kept.shape[1]
        sides = [(0, 0), (0, missing), *((0, 0) for _ in kept.shape[2:])]
        return ps.pad(kept, sides, constant_values=self.fill_value) if missing else kept

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = {**super().get_config(), "max_number": self.max_number}
        return made if self.fill_value == -1 else {**made, "fill_value": self.fill_value}
