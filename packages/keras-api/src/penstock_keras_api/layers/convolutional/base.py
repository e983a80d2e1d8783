"""What all convolutions share: windows, a bias and an activation."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import activations, config, constraints, initializers, regularizers
from penstock_keras_api.layers import windows
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.layer import Layer


class Convolution(Layer):
    """Slide windows over the sides of a tensor; subclasses say what a window computes.

    Args:
        kernel_size: The window's sides.
        strides: The steps between windows.
        padding: "valid", "same", and "causal" where the class allows it.
        data_format: Where the channels are.
        dilation_rate: The steps between the cells of a window.
        activation: A function, or its name.
        use_bias: Whether there is a bias.
        bias_initializer: What makes the bias.
        bias_regularizer: What the bias adds to the loss.
        activity_regularizer: What the output adds to the loss.
        bias_constraint: What the bias is made to fulfil.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range.
    """

    rank: ClassVar[int]
    _paddings: ClassVar[tuple[str, ...]] = ("valid", "same")

    def __init__(
        self,
        *,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        bias_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        kind = type(self).__name__
        self.kernel_size = windows.sizes_of(kernel_size, self.rank, kind, "kernel_size")
        self.strides = windows.sizes_of(strides, self.rank, kind, "strides")
        self.dilation_rate = windows.sizes_of(dilation_rate, self.rank, kind, "dilation_rate")
        self.padding = windows.padding_of(padding, kind, self._paddings)
        self.data_format = config.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _refuse_strided_dilation(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise InvalidValueError(
                f"[{type(self).__name__}] got strides={self.strides} with dilation_rate={self.dilation_rate}; use 1 "
                "for one of them"
            )

    def _begin_build(self, input_shape: Any) -> int:
        """Check the shape of the input and return its number of channels."""
        channels = windows.split_shape(input_shape, self.data_format)[2]
        if channels is None:
            raise InvalidValueError(
                f"[{self.name}] the channels of its input {input_shape} must be known, since the kernel depends on "
                "them; give Input a shape that says it"
            )
        axes = {windows.channel_axis(self.data_format): channels}
        self.input_spec = InputSpec(ndim=self.rank + 2, axes=axes)
        self.compute_output_shape(input_shape)  # refuses windows that do not fit
        return int(channels)

    def _add_bias(self, size: int) -> None:
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (size,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _prepared(self, inputs: Any) -> Any:
        """Cast the input, and bring its channels to the end."""
        if inputs.dtype != self.compute_dtype:
            inputs = ps.cast(inputs, self.compute_dtype)
        return windows.channels_last(inputs, self.data_format)

    def _finished(self, y: Any) -> Any:
        """Add the bias, bring the channels back, and apply the activation."""
        if self.bias is not None:
            y = y + ps.cast(self.bias.value, y.dtype)
        return self.activation(windows.channels_back(y, self.data_format))

    def _window_shape(self, input_shape: Any, channels: int) -> tuple[Any, ...]:
        batch, sides, _ = windows.split_shape(input_shape, self.data_format)
        made = windows.output_sizes(
            self.name, sides, self.kernel_size, self.strides, self.dilation_rate, self.padding
        )
        return windows.join_shape(batch, made, channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
