"""The mean of each channel."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.pooling.base import BaseGlobalPooling


class GlobalAveragePooling1D(BaseGlobalPooling):
    """Take the mean of each channel of sequences [batch, length, channels].

    Args:
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        keepdims: Whether the sides stay, with size 1.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such data format.

    >>> from penstock import keras
    >>> keras.layers.GlobalAveragePooling1D()(keras.Input((9, 3))).shape
    (None, 3)
    """

    rank = 1

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Take the mean of the steps that count."""
        axis = self._sides()[0]
        if mask is None:
            return ps.mean(inputs, axis=axis, keepdims=self.keepdims)
        counts = ps.expand_dims(ps.cast(mask, "bool"), 2 if axis == 1 else 1)
        kept = ps.where(counts, inputs, ps.zeros_like(inputs))
        total = ps.sum(kept, axis=axis, keepdims=self.keepdims)
        return total / ps.sum(ps.cast(counts, inputs.dtype), axis=axis, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return None: no steps are left."""
        return None


class GlobalAveragePooling2D(BaseGlobalPooling):
    """Take the mean of each channel of images [batch, height, width, channels].

    Args:
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        keepdims: Whether the sides stay, with size 1.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such data format.

    >>> from penstock import keras
    >>> keras.layers.GlobalAveragePooling2D()(keras.Input((7, 6, 3))).shape
    (None, 3)
    """

    rank = 2

    def call(self, inputs: Any) -> Any:
        """Take the mean of each channel."""
        return ps.mean(inputs, axis=self._sides(), keepdims=self.keepdims)


class GlobalAveragePooling3D(BaseGlobalPooling):
    """Take the mean of each channel of volumes [batch, depth, height, width, channels].

    Args:
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        keepdims: Whether the sides stay, with size 1.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such data format.

    >>> from penstock import keras
    >>> keras.layers.GlobalAveragePooling3D()(keras.Input((5, 4, 6, 3))).shape
    (None, 3)
    """

    rank = 3

    def call(self, inputs: Any) -> Any:
        """Take the mean of each channel."""
        return ps.mean(inputs, axis=self._sides(), keepdims=self.keepdims)


GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
