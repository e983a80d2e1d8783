"""Images of one size."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import ImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.sizing import (
    cut,
    frame,
    resized,
    scaled,
    window,
)

_METHODS = (
    "bilinear",
    "nearest",
    "bicubic",
    "lanczos3",
    "lanczos5",
    "area",
    "gaussian",
    "mitchell",
)


class Resizing(ImageLayer):
    """Resize images, also when not training.

    Args:
        height: The new height.
        width: The new width.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"; also "area", "gaussian" and "mitchell".
        crop_to_aspect_ratio: Keep proportions, and leave out what lies outside of the new ones at both sides.
        pad_to_aspect_ratio: Keep proportions, and fill up both sides.
        fill_mode: "constant".
        fill_value: What is filled in.
        antialias: Let every pixel count when images shrink.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: A size is not above 0, there is no such method or mode, or proportions are kept in two ways.

    >>> from penstock import keras
    >>> keras.layers.Resizing(1, 4)([[[0.0], [4.0]]]).tolist()
    [[[0.0], [1.0], [3.0], [4.0]]]
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height = height
        self.width = width
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = antialias
        self._check()

    def _check(self) -> None:
        problems = {
            f"height={self.height} and width={self.width}; use numbers above 0": not (
                self.height > 0 and self.width > 0
            ),
            f"interpolation={self.interpolation!r}; use one of {', '.join(_METHODS)}": self.interpolation
            not in _METHODS,
            "crop_to_aspect_ratio and pad_to_aspect_ratio; use one of them": self.crop_to_aspect_ratio
            and self.pad_to_aspect_ratio,
            f"fill_mode={self.fill_mode!r}; use 'constant'": self.fill_mode != "constant",
        }
        for text, is_wrong in problems.items():
            if is_wrong:
                raise InvalidValueError(f"[Resizing] got {text}")

    def _new_size(self, height: Any, width: Any) -> tuple[Any, Any]:
        return self.height, self.width

    def _sizes_of(self, made: Transformation) -> tuple[int, int, int, int]:
        height, width = (int(made[name]) for name in ("height", "width"))
        return height, width, self.height, self.width

    def _transformed(self, images: Any, made: Transformation) -> Any:
        return self._resized(images, made, self.interpolation, self.fill_value)

    def _transformed_masks(self, masks: Any, made: Transformation) -> Any:
        return self._resized(masks, made, "nearest", self.fill_value)

    def _resized(self, images: Any, made: Transformation, method: str, fill_value: float) -> Any:
        if self.crop_to_aspect_ratio:
            images = cut(images, *window(*self._sizes_of(made)))
        if self.pad_to_aspect_ratio:
            top, left, height, width = frame(*self._sizes_of(made))
            below, right = height - top - made["height"], width - left - made["width"]
            sides = [(0, 0), (top, below), (left, right), (0, 0)]
            images = ps.pad(images, sides, constant_values=fill_value)
        return resized(images, self.height, self.width, method, self.antialias)

    def _moved(self, corners: Any, made: Transformation) -> Any:
        height, width, new_height, new_width = self._sizes_of(made)
        top = left = 0
        if self.crop_to_aspect_ratio:
            top, left, height, width = window(height, width, new_height, new_width)
            top, left = -top, -left
        if self.pad_to_aspect_ratio:
            top, left, height, width = frame(height, width, new_height, new_width)
        return scaled(corners, new_width / width, new_height / height, left, top)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "height": self.height,
            "width": self.width,
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }
