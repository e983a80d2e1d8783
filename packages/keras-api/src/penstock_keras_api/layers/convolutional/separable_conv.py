"""Separable convolutions: a depthwise one, then one that mixes the channels."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import constraints, initializers, regularizers
from penstock_keras_api.layers.convolutional.base import Convolution
from penstock_keras_api.layers.convolutional.depthwise_conv import depthwise
from penstock_keras_api.layers.windows import positive, with_defaults


class BaseSeparableConv(Convolution):
    """Slide filters of one channel, then mix the channels at each position.

    Args:
        filters: How many channels the output has.
        kernel_size: The sides of the depthwise filters: one number, or one for each side.
        strides: The steps between windows.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        dilation_rate: The steps between the cells of a window.
        depth_multiplier: How many depthwise filters a channel has.
        activation: A function, or its name.
        use_bias: Whether there is a bias.
        depthwise_initializer: What makes the depthwise kernel.
        pointwise_initializer: What makes the pointwise kernel.
        bias_initializer: What makes the bias.
        depthwise_regularizer: What the depthwise kernel adds to the loss.
        pointwise_regularizer: What the pointwise kernel adds to the loss.
        bias_regularizer: What the bias adds to the loss.
        activity_regularizer: What the output adds to the loss.
        depthwise_constraint: What the depthwise kernel is made to fulfil.
        pointwise_constraint: What the pointwise kernel is made to fulfil.
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
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
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
        self.depth_multiplier = positive(depth_multiplier, kind, "depth_multiplier")
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: Any) -> None:
        """Make both kernels and the bias.

        Raises:
            ValueError: The shape does not fit the layer.
        """
        channels = self._begin_build(input_shape)
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self._add_bias(self.filters)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Slide the filters, mix the channels, add the bias, and apply the activation."""
        x = self._prepared(inputs)
        deep = ps.cast(self.depthwise_kernel.value, x.dtype)
        mixing = ps.cast(self.pointwise_kernel.value, x.dtype)
        y = depthwise(x, deep, self.strides, self.padding, self.dilation_rate)
        return self._finished((ps.nn.conv1d if self.rank == 1 else ps.nn.conv2d)(y, mixing))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return self._window_shape(input_shape, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
            "pointwise_initializer": initializers.serialize(self.pointwise_initializer),
            "depthwise_regularizer": regularizers.serialize(self.depthwise_regularizer),
            "pointwise_regularizer": regularizers.serialize(self.pointwise_regularizer),
            "depthwise_constraint": constraints.serialize(self.depthwise_constraint),
            "pointwise_constraint": constraints.serialize(self.pointwise_constraint),
        }


class SeparableConv1D(BaseSeparableConv):
    """Slide filters of one channel over sequences [batch, length, channels], then mix the channels.

    Args:
        filters: How many channels the output has.
        kernel_size: The filters' width; the other arguments are explained at `BaseSeparableConv`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.SeparableConv1D(4, 3)(keras.Input((7, 3))).shape
    (None, 5, 4)
    """

    rank = 1


class SeparableConv2D(BaseSeparableConv):
    """Slide filters of one channel over images [batch, height, width, channels], then mix the channels.

    Args:
        filters: How many channels the output has.
        kernel_size: The filters' height and width; the other arguments are explained at `BaseSeparableConv`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.SeparableConv2D(4, 3, strides=2)(keras.Input((7, 7, 3))).shape
    (None, 3, 3, 4)
    """

    rank = 2
    __init__ = with_defaults(BaseSeparableConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
