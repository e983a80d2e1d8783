"""Convolutions: filters that slide over sequences, images and volumes."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import constraints, initializers, regularizers
from penstock_keras_api.layers.convolutional.base import Convolution
from penstock_keras_api.layers.windows import positive, with_defaults


class BaseConv(Convolution):
    """Slide filters over the sides of a tensor: activation(x * kernel + bias).

    Args:
        filters: How many filters there are: the channels of the output.
        kernel_size: Their sides: one number, or one for each side.
        strides: The steps between windows.
        padding: "valid" (none), "same" (zeros, so that the output has ceil(size / stride) positions) or, for sequences,
            "causal" (zeros in front, so that no position sees later ones).
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        dilation_rate: The steps between the cells of a window.
        groups: How many independent parts the channels are split into.
        activation: A function, or its name.
        use_bias: Whether there is a bias.
        kernel_initializer: What makes the kernel.
        bias_initializer: What makes the bias.
        kernel_regularizer: What the kernel adds to the loss.
        bias_regularizer: What the bias adds to the loss.
        activity_regularizer: What the output adds to the loss.
        kernel_constraint: What the kernel is made to fulfil.
        bias_constraint: What the bias is made to fulfil.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        kind = type(self).__name__
        self.filters = positive(filters, kind, "filters")
        self.groups = positive(groups, kind, "groups")
        if self.filters % self.groups:
            raise InvalidValueError(
                f"[{kind}] got filters={filters} with groups={groups}; use a multiple of the groups"
            )
        self._refuse_strided_dilation()
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias.

        Raises:
            ValueError: The shape does not fit the layer.
        """
        channels = self._begin_build(input_shape)
        if channels % self.groups:
            raise InvalidValueError(
                f"[{self.name}] got an input of {channels} channels, which {self.groups} groups do not divide; use "
                "another number of groups"
            )
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self._add_bias(self.filters)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Compute activation(x * kernel + bias)."""
        x = self._prepared(inputs)
        return self._finished(self.convolution_op(x, ps.cast(self.kernel.value, x.dtype)))

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Slide the kernel over an input with channels last."""
        raise NotImplementedError(f"{type(self).__name__} has no method convolution_op: write one")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return self._window_shape(input_shape, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "groups": self.groups,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
        }


class Conv1D(BaseConv):
    """Slide filters over sequences [batch, length, channels].

    Args:
        filters: How many filters there are: the channels of the output.
        kernel_size: Their width; the other arguments are explained at `BaseConv`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.Conv1D(4, 3, padding="causal")(keras.Input((9, 2))).shape
    (None, 9, 4)
    """

    rank = 1
    _paddings: ClassVar[tuple[str, ...]] = ("valid", "same", "causal")

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Slide the kernel over sequences."""
        return ps.nn.conv1d(
            inputs, kernel, self.strides[0], self.padding, self.dilation_rate[0], self.groups
        )


class Conv2D(BaseConv):
    """Slide filters over images [batch, height, width, channels].

    Args:
        filters: How many filters there are: the channels of the output.
        kernel_size: Their height and width; the other arguments are explained at `BaseConv`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.Conv2D(4, 3, strides=2, padding="same")(keras.Input((7, 7, 2))).shape
    (None, 4, 4, 4)
    """

    rank = 2
    __init__ = with_defaults(BaseConv.__init__, strides=(1, 1), dilation_rate=(1, 1))

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Slide the kernel over images."""
        return ps.nn.conv2d(
            inputs, kernel, self.strides, self.padding, None, self.dilation_rate, self.groups
        )


class Conv3D(BaseConv):
    """Slide filters over volumes [batch, depth, height, width, channels].

    Args:
        filters: How many filters there are: the channels of the output.
        kernel_size: Their sides; the other arguments are explained at `BaseConv`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.Conv3D(4, 2)(keras.Input((5, 4, 3, 2))).shape
    (None, 4, 3, 2, 4)
    """

    rank = 3
    __init__ = with_defaults(BaseConv.__init__, strides=(1, 1, 1), dilation_rate=(1, 1, 1))

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Slide the kernel over volumes."""
        return ps.nn.conv3d(
            inputs, kernel, self.strides, self.padding, None, self.dilation_rate, self.groups
        )


Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
