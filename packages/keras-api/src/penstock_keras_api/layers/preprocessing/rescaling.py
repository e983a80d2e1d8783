"""Numbers times a factor, plus an offset."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock_keras_api import config
from penstock_keras_api.layers.layer import Layer


class Rescaling(Layer):
    """Compute inputs * scale + offset.

    `Rescaling(1 / 255)` brings pixels to [0, 1], `Rescaling(1 / 127.5, offset=-1)` to [-1, 1].

    Args:
        scale: The factor; a list has one for each channel, the first axis after the batch where the image data format
            is "channels_first", else the last.
        offset: What is added, likewise.
        kwargs: As in `Layer`.

    Raises:
        ValueError: In a call: there are not as many factors as channels.

    >>> from penstock import keras
    >>> keras.layers.Rescaling(1 / 127.5, offset=-1)([0.0, 255.0]).tolist()
    [-1.0, 1.0]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Scale."""
        x = ps.cast(ps.asarray(inputs), self.compute_dtype)
        return x * self._placed(self.scale, x) + self._placed(self.offset, x)

    def _placed(self, numbers: Any, x: Any) -> Any:
        """Put numbers for each channel where channels are."""
        t = ps.asarray(np.asarray(numbers, np.float32))
        if t.ndim and config.image_data_format() == "channels_first":
            t = ps.reshape(t, (t.shape[0], *(1 for _ in x.shape[2:])))
        return ps.cast(t, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        plain = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in self._numbers().items()}
        return {**super().get_config(), **plain}

    def _numbers(self) -> dict[str, Any]:
        return {"scale": self.scale, "offset": self.offset}
