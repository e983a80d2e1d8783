"""Pooling to a given size, whatever the size of the input."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidTypeError
from penstock_keras_api import config
from penstock_keras_api.layers import windows
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.layer import Layer


class BaseAdaptivePooling(Layer):
    """Make one number of each window; output i of m sees positions ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉ - 1 of n.

    Args:
        output_size: The output's sides: one number, or one for each side.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `output_size` is no number, and has none for each side.
        ValueError: One of its numbers is too small.
    """

    rank: ClassVar[int]

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        kind = type(self).__name__
        several = isinstance(output_size, list | tuple) and len(output_size) == self.rank
        if not isinstance(output_size, int) and not several:
            raise InvalidTypeError(
                f"[{kind}] got output_size={output_size!r}; use one whole number, or {self.rank} of them"
            )
        self.output_size = windows.sizes_of(output_size, self.rank, kind, "output_size")
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        """Make one number of each window."""
        y = self._pooled(windows.channels_last(inputs, self.data_format))
        return windows.channels_back(y, self.data_format)

    def _pooled(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no method _pooled: write one")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        batch, _, channels = windows.split_shape(input_shape, self.data_format)
        return windows.join_shape(batch, self.output_size, channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "output_size": self.output_size,
            "data_format": self.data_format,
        }


class BaseAdaptiveAveragePooling(BaseAdaptivePooling):
    """Take the mean of each window."""

    def _pooled(self, x: Any) -> Any:
        return ps.nn.adaptive_avg_pool(x, self.output_size)


class BaseAdaptiveMaxPooling(BaseAdaptivePooling):
    """Take the largest number of each window."""

    def _pooled(self, x: Any) -> Any:
        return ps.nn.adaptive_max_pool(x, self.output_size)


class AdaptiveAveragePooling1D(BaseAdaptiveAveragePooling):
    """Take the mean of windows of sequences [batch, length, channels].

    Args:
        output_size: The output's length: one number.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `output_size` is no number, and has none for each side.
        ValueError: One of its numbers is too small.

    >>> from penstock import keras
    >>> keras.layers.AdaptiveAveragePooling1D(2)(keras.Input((9, 3))).shape
    (None, 2, 3)
    """

    rank = 1


class AdaptiveAveragePooling2D(BaseAdaptiveAveragePooling):
    """Take the mean of windows of images [batch, height, width, channels].

    Args:
        output_size: The output's height and width: one number, or one for each side.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `output_size` is no number, and has none for each side.
        ValueError: One of its numbers is too small.

    >>> from penstock import keras
    >>> keras.layers.AdaptiveAveragePooling2D(2)(keras.Input((7, 6, 3))).shape
    (None, 2, 2, 3)
    """

    rank = 2


class AdaptiveAveragePooling3D(BaseAdaptiveAveragePooling):
    """Take the mean of windows of volumes [batch, depth, height, width, channels].

    Args:
        output_size: The output's sides: one number, or one for each side.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `output_size` is no number, and has none for each side.
        ValueError: One of its numbers is too small.

    >>> from penstock import keras
    >>> keras.layers.AdaptiveAveragePooling3D(2)(keras.Input((5, 4, 6, 3))).shape
    (None, 2, 2, 2, 3)
    """

    rank = 3


class AdaptiveMaxPooling1D(BaseAdaptiveMaxPooling):
    """Take the largest number of windows of sequences [batch, length, channels].

    Args:
        output_size: The output's length: one number.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `output_size` is no number, and has none for each side.
        ValueError: One of its numbers is too small.

    >>> from penstock import keras
    >>> keras.layers.AdaptiveMaxPooling1D(2)(keras.Input((9, 3))).shape
    (None, 2, 3)
    """

    rank = 1


class AdaptiveMaxPooling2D(BaseAdaptiveMaxPooling):
    """Take the largest number of windows of images [batch, height, width, channels].

    Args:
        output_size: The output's height and width: one number, or one for each side.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `output_size` is no number, and has none for each side.
        ValueError: One of its numbers is too small.

    >>> from penstock import keras
    >>> keras.layers.AdaptiveMaxPooling2D(2)(keras.Input((7, 6, 3))).shape
    (None, 2, 2, 3)
    """

    rank = 2


class AdaptiveMaxPooling3D(BaseAdaptiveMaxPooling):
    """Take the largest number of windows of volumes [batch, depth, height, width, channels].

    Args:
        output_size: The output's sides: one number, or one for each side.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `output_size` is no number, and has none for each side.
        ValueError: One of its numbers is too small.

    >>> from penstock import keras
    >>> keras.layers.AdaptiveMaxPooling3D(2)(keras.Input((5, 4, 6, 3))).shape
    (None, 2, 2, 2, 3)
    """

    rank = 3
