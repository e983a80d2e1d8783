"""The largest number of each window."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.pooling.base import BasePooling
from penstock_keras_api.layers.windows import with_defaults


class MaxPooling1D(BasePooling):
    """Take the largest number of each window of sequences [batch, length, channels].

    Args:
        pool_size: The window's length: one number.
        strides: The steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that the output has ceil(size / stride) positions).
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        name: A name.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.MaxPooling1D(2)(keras.Input((9, 3))).shape
    (None, 4, 3)
    """

    rank = 1
    __init__ = with_defaults(BasePooling.__init__, pool_size=2)

    def _pooled(self, x: Any) -> Any:
        return ps.nn.max_pool1d(x, self.pool_size[0], self.strides[0], self.padding)


class MaxPooling2D(BasePooling):
    """Take the largest number of each window of images [batch, height, width, channels].

    Args:
        pool_size: The window's height and width: one number, or one for each side.
        strides: The steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that the output has ceil(size / stride) positions).
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        name: A name.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.MaxPooling2D(2)(keras.Input((7, 6, 3))).shape
    (None, 3, 3, 3)
    """

    rank = 2
    __init__ = with_defaults(BasePooling.__init__, pool_size=(2, 2))

    def _pooled(self, x: Any) -> Any:
        return ps.nn.max_pool2d(x, self.pool_size, self.strides, self.padding)


class MaxPooling3D(BasePooling):
    """Take the largest number of each window of volumes [batch, depth, height, width, channels].

    Args:
        pool_size: The window's sides: one number, or one for each side.
        strides: The steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that the output has ceil(size / stride) positions).
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        name: A name.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.MaxPooling3D(2)(keras.Input((5, 4, 6, 3))).shape
    (None, 2, 2, 3, 3)
    """

    rank = 3
    __init__ = with_defaults(BasePooling.__init__, pool_size=(2, 2, 2))

    def _pooled(self, x: Any) -> Any:
        return ps.nn.max_pool3d(x, self.pool_size, self.strides, self.padding)


MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
