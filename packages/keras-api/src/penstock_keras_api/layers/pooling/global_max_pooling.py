"""The largest number of each channel."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.pooling.base import BaseGlobalPooling


class GlobalMaxPooling1D(BaseGlobalPooling):
    """Take the largest number of each channel of sequences [batch, length, channels].

    Args:
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        keepdims: Whether the sides stay, with size 1.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such data format.

    >>> from penstock import keras
    >>> keras.layers.GlobalMaxPooling1D()(keras.Input((9, 3))).shape
    (None, 3)
    """

    rank = 1

    def call(self, inputs: Any) -> Any:
        """Take the largest number of each channel."""
        return ps.max(inputs, axis=self._sides(), keepdims=self.keepdims)


class GlobalMaxPooling2D(BaseGlobalPooling):
    """Take the largest number of each channel of images [batch, height, width, channels].

    Args:
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        keepdims: Whether the sides stay, with size 1.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such data format.

    >>> from penstock import keras
    >>> keras.layers.GlobalMaxPooling2D()(keras.Input((7, 6, 3))).shape
    (None, 3)
    """

    rank = 2

    def call(self, inputs: Any) -> Any:
        """Take the largest number of each channel."""
        return ps.max(inputs, axis=self._sides(), keepdims=self.keepdims)


class GlobalMaxPooling3D(BaseGlobalPooling):
    """Take the largest number of each channel of volumes [batch, depth, height, width, channels].

    Args:
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        keepdims: Whether the sides stay, with size 1.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such data format.

    >>> from penstock import keras
    >>> keras.layers.GlobalMaxPooling3D()(keras.Input((5, 4, 6, 3))).shape
    (None, 3)
    """

    rank = 3

    def call(self, inputs: Any) -> Any:
        """Take the largest number of each channel."""
        return ps.max(inputs, axis=self._sides(), keepdims=self.keepdims)


GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
