"""Long short-term memory of images: convolutions take the place of matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import config
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.rnn.building import (
    forward_to_cell,
    layer_config,
    positive,
)
from penstock_keras_api.layers.rnn.lstm import LSTMCell
from penstock_keras_api.layers.rnn.rnn import RNN


class ConvLSTMCell(LSTMCell):
    """Compute one step of a long short-term memory of images; the gates are in the order i, f, g, o.

    Args:
        rank: How many axes images have.
        settings: The arguments of `LSTMCell` but the units.
        filters: How many channels the state has.
        kernel_size: The sizes of the windows.
        strides: The steps between windows on the inputs.
        padding: "valid" or "same": what surrounds the inputs.
        data_format: Whether channels are the last axis or the first.
        dilation_rate: The steps between the cells of a window.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is none of these.
    """

    def __init__(
        self,
        rank: int,
        settings: dict[str, Any],
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(positive(filters, "ConvLSTM", "filters"), **settings, **kwargs)
        self.rank = rank
        self.filters = self.units
        self.kernel_size = _sizes(kernel_size, rank, "kernel_size")
        self.strides = _sizes(strides, rank, "strides")
        self.padding = str(padding).lower()
        self.data_format = config.standardize_data_format(data_format)
        self.dilation_rate = _sizes(dilation_rate, rank, "dilation_rate")
        if self.padding not in ("valid", "same"):
            raise InvalidValueError(f"[ConvLSTM] got padding={padding!r}; use 'valid' or 'same'")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise InvalidValueError(
                f"[ConvLSTM] got strides={strides} and dilation_rate={dilation_rate}; one of them must be 1"
            )

    def build(self, input_shape: Any) -> None:
        """Make the weights for images.

        Raises:
            ValueError: The number of channels is not known.
        """
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        if channels is None:
            raise InvalidValueError(
                f"[{self.name}] the channels of its input {input_shape} must be known; give Input a shape that says them"
            )
        size = 4 * self.filters
        self._add_kernels(
            (*self.kernel_size, channels, size), (*self.kernel_size, self.filters, size)
        )
        self._add_bias((size,))
        self.built = True

    def state_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape of a state for images of a shape."""
        batch, *sides = input_shape
        sides = sides[:-1] if self.data_format == "channels_last" else sides[1:]
        windows = zip(sides, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        sides = [_windows(*w, self.padding) for w in windows]
        if self.data_format == "channels_last":
            return (batch, *sides, self.filters)
        return (batch, self.filters, *sides)

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Compute one step; return the output and the next states, h and c."""
        x, h = self.dropped(inputs, states[0], training)
        kernel, recurrent, bias = self.values(x.dtype)
        x, h, c = (self._channels_last(t) for t in (x, h, states[1]))
        ones = (1,) * self.rank
        z = _convolve(x, kernel, self.strides, self.padding, self.dilation_rate)
        z = z + _convolve(h, recurrent, ones, "same", ones)
        h, (_, c) = self._through_gates(z if bias is None else z + bias, c)
        h, c = self._own_format(h), self._own_format(c)
        return h, [h, c]

    def _channels_last(self, t: Any) -> Any:
        return t if self.data_format == "channels_last" else ps.moveaxis(t, 1, -1)

    def _own_format(self, t: Any) -> Any:
        return t if self.data_format == "channels_last" else ps.moveaxis(t, -1, 1)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as plain data."""
        return {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            **self.settings(),
        }


def _sizes(value: Any, rank: int, name: str) -> tuple[int, ...]:
    sizes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(sizes) != rank or any(int(s) != s or s < 1 for s in sizes):
        raise InvalidValueError(
            f"[ConvLSTM{rank}D] got {name}={value!r}; use a whole number above 0, or {rank} of them"
        )
    return tuple(int(s) for s in sizes)


def _windows(size: Any, window: int, stride: int, dilation: int, padding: str) -> Any:
    """Return how many windows there are along a side."""
    if size is None:
        return None
    if padding == "valid":
        size = size - dilation * (window - 1)
    return (size + stride - 1) // stride


def _convolve(
    x: Any, kernel: Any, strides: Sequence[int], padding: str, dilation: Sequence[int]
) -> Any:
    if len(strides) == 1:
        return ps.nn.conv1d(x, kernel, strides[0], padding, dilation[0])
    convolve = ps.nn.conv2d if len(strides) == 2 else ps.nn.conv3d
    return convolve(x, kernel, strides, padding, dilations=dilation)


@forward_to_cell(
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "data_format",
    "dilation_rate",
    "activation",
    "recurrent_activation",
    "use_bias",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "unit_forget_bias",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "dropout",
    "recurrent_dropout",
)
class ConvLSTM(RNN):
    """Go through sequences of images; what ConvLSTM1D, ConvLSTM2D and ConvLSTM3D share.

    Args:
        cell: The cell.
        kwargs: As in `RNN`.
    """

    def __init__(self, cell: ConvLSTMCell, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=cell.rank + 3)

    def _zero_states(self, sequences_shape: Any) -> list[Any]:
        shape = self.cell.state_shape((sequences_shape[0], *sequences_shape[2:]))
        return [ps.zeros(shape, self.cell.compute_dtype) for _ in range(2)]

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Return the shape of the output, and those of the states if they are returned."""
        batch, steps, *sides = sequences_shape
        state = self.cell.state_shape((batch, *sides))
        output = (batch, steps, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return layer_config(self._own_config(), self)
