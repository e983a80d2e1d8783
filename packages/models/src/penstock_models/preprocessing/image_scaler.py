"""Pixels made ready for a network, in its graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock_keras_api.layers import Layer
from penstock_models.presets.schema import Input


class ImageScaler(Layer):
    """Resize pictures, and scale their pixels: (pixel - mean) · scale.

    Args:
        size: Height and width that the network takes; None leaves pictures as they are.
        mean: What is taken away, for each channel or all.
        scale: What the rest is multiplied by.
        order: "rgb", or "bgr" for a network that wants blue first.
        resize: "bilinear" stretches; "letterbox" keeps the shape, and fills what is left with gray.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: An argument is not understood.

    >>> import numpy as np
    >>> ImageScaler((2, 2), mean=(127.5,), scale=1 / 127.5)(np.full((1, 4, 4, 3), 255, "uint8")).shape
    (1, 2, 2, 3)
    """

    def __init__(
        self,
        size: Sequence[int] | None,
        mean: Sequence[float] = (0.0,),
        scale: float = 1.0,
        order: str = "rgb",
        resize: str = "bilinear",
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.size = None if size is None else (int(size[0]), int(size[1]))
        self.mean = tuple(mean)
        self.scale = scale
        self.order = order
        self.resize = resize
        self.built = True

    @classmethod
    def of(cls, spec: Input) -> ImageScaler:
        """Return the layer that a preset's input asks for."""
        return cls(spec.size, spec.mean, spec.scale, spec.order, spec.resize)

    def call(self, images: Any) -> Any:
        """Return [batch, height, width, channels] of the compute dtype, for pixels from 0 to 255 of any size."""
        x = ps.cast(images, self.compute_dtype)
        if self.size is not None and not self._has_size(images):
            x = self._resized(x)
        if self.order == "bgr":
            x = ps.flip(x, axis=-1)
        mean = ps.asarray(self.mean, dtype=self.compute_dtype)
        return (x - mean) * self.scale

    def _has_size(self, images: Any) -> bool:
        """Say whether nothing needs to be resized; pictures of unknown size always are, so that a graph takes any."""
        height, width = images.shape[1:3]
        known = isinstance(height, int) and isinstance(width, int)
        return known and (height, width) == self.size

    def _resized(self, x: Any) -> Any:
        assert self.size is not None
        if self.resize == "letterbox":
            height, width = self.size
            filled = ps.image.resize_with_pad(x - 127.5, height, width, antialias=True)
            return filled + 127.5
        # Rows first, then columns, each rounded to whole pixels: what PIL does, and so what published results were
        # measured with.
        rows = _whole(ps.image.resize(x, (x.shape[1], self.size[1]), antialias=True))
        return _whole(ps.image.resize(rows, self.size, antialias=True))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        size = tuple(input_shape[1:3]) if self.size is None else self.size
        return (input_shape[0], *size, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        own = {n: getattr(self, n) for n in ("size", "mean", "scale", "order", "resize")}
        return {**super().get_config(), **own}


def _whole(x: Any) -> Any:
    return ps.clip(ps.floor(x + 0.5), 0.0, 255.0)
