"""The middle of images."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import ImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.sizing import cut, resized, scaled, window


class CenterCrop(ImageLayer):
    """Cut the middle out of images, also when not training.

    Of an image that is too small the largest part with the new proportions is resized.

    Args:
        height: The new height.
        width: The new width.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: A size is not above 0.

    >>> from penstock import keras
    >>> keras.layers.CenterCrop(1, 1)([[[1.0], [2.0], [3.0]]]).tolist()
    [[[2.0]]]
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        if height < 1 or width < 1:
            raise InvalidValueError(
                f"[{type(self).__name__}] got height={height} and width={width}; use numbers above 0"
            )
        self.height = height
        self.width = width

    def _new_size(self, height: Any, width: Any) -> tuple[Any, Any]:
        return self.height, self.width

    def _room(self, made: Transformation) -> tuple[int, int]:
        """Return how much higher and wider images are."""
        height, width = (int(made[name]) for name in ("height", "width"))
        return height - self.height, width - self.width

    def _place(self, made: Transformation) -> tuple[Any, Any]:
        """Return how much is cut off above and at the left."""
        high, wide = self._room(made)
        return high // 2, wide // 2

    def _transformed(self, images: Any, made: Transformation) -> Any:
        return self._cropped(images, made, "bilinear")

    def _transformed_masks(self, masks: Any, made: Transformation) -> Any:
        return self._cropped(masks, made, "nearest")

    def _cropped(self, images: Any, made: Transformation, method: str) -> Any:
        if min(self._room(made)) >= 0:
            top, left = self._place(made)
            return cut(images, top, left, self.height, self.width)
        part = window(made["height"], made["width"], self.height, self.width)
        return resized(cut(images, *part), self.height, self.width, method)

    def _moved(self, corners: Any, made: Transformation) -> Any:
        if min(self._room(made)) >= 0:
            top, left = self._place(made)
            return scaled(corners, 1.0, 1.0, -left, -top)
        top, left, height, width = window(made["height"], made["width"], self.height, self.width)
        return scaled(corners, self.width / width, self.height / height, -left, -top)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "height": self.height, "width": self.width}
