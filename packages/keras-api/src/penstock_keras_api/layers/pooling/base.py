"""What pooling layers share: windows, and where the channels are."""

from __future__ import annotations

from typing import Any, ClassVar

from penstock_keras_api import config
from penstock_keras_api.layers import windows
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.layer import Layer


class BasePooling(Layer):
    """Make one number of each window.

    Args:
        pool_size: The window's sides: one number, or one for each side.
        strides: The steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that the output has ceil(size / stride) positions).
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        name: A name.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range.
    """

    rank: ClassVar[int]

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        kind = type(self).__name__
        self.pool_size = windows.sizes_of(pool_size, self.rank, kind, "pool_size")
        steps = pool_size if strides is None else strides
        self.strides = windows.sizes_of(steps, self.rank, kind, "strides")
        self.padding = windows.padding_of(padding, kind)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        """Slide the window."""
        y = self._pooled(windows.channels_last(inputs, self.data_format))
        return windows.channels_back(y, self.data_format)

    def _pooled(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no method _pooled: write one")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        batch, sides, channels = windows.split_shape(input_shape, self.data_format)
        ones = (1,) * self.rank
        made = windows.output_sizes(
            self.name, sides, self.pool_size, self.strides, ones, self.padding
        )
        return windows.join_shape(batch, made, channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class BaseGlobalPooling(Layer):
    """Make one number of each channel.

    Args:
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        keepdims: Whether the sides stay, with size 1.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such data format.
    """

    rank: ClassVar[int]

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _sides(self) -> tuple[int, ...]:
        """Return the axes that are no batch and no channels."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        batch, _, channels = windows.split_shape(input_shape, self.data_format)
        ones = (1,) * self.rank if self.keepdims else ()
        return windows.join_shape(batch, ones, channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "data_format": self.data_format,
            "keepdims": self.keepdims,
        }
