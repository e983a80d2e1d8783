"""The mean of each window."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.pooling.base import BasePooling


class AveragePooling1D(BasePooling):
    """Take the mean of each window of sequences [batch, length, channels].

    Args:
        pool_size: The window's length: one number.
        strides: The steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that the output has ceil(size / stride) positions). Padding is not counted.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        name: A name.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.AveragePooling1D(2)(keras.Input((9, 3))).shape
    (None, 4, 3)
    """

    rank = 1

    def _pooled(self, x: Any) -> Any:
        return ps.nn.avg_pool1d(x, self.pool_size[0], self.strides[0], self.padding)


class AveragePooling2D(BasePooling):
    """Take the mean of each window of images [batch, height, width, channels].

    Args:
        pool_size: The window's height and width: one number, or one for each side.
        strides: The steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that the output has ceil(size / stride) positions). Padding is not counted.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        name: A name.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.AveragePooling2D(2)(keras.Input((7, 6, 3))).shape
    (None, 3, 3, 3)
    """

    rank = 2

    def _pooled(self, x: Any) -> Any:
        return ps.nn.avg_pool2d(x, self.pool_size, self.strides, self.padding)


class AveragePooling3D(BasePooling):
    """Take the mean of each window of volumes [batch, depth, height, width, channels].

    Args:
        pool_size: The window's sides: one number, or one for each side.
        strides: The steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that the output has ceil(size / stride) positions). Padding is not counted.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        name: A name.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.AveragePooling3D(2)(keras.Input((5, 4, 6, 3))).shape
    (None, 2, 2, 3, 3)
    """

    rank = 3

    def _pooled(self, x: Any) -> Any:
        return ps.nn.avg_pool3d(x, self.pool_size, self.strides, self.padding)


AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
