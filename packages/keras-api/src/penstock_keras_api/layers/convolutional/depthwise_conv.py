"""Depthwise convolutions: every channel has filters of its own."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import constraints, initializers, regularizers
from penstock_keras_api.layers import windows
from penstock_keras_api.layers.convolutional.base import Convolution
from penstock_keras_api.layers.windows import positive, with_defaults


def depthwise(
    x: Any, kernel: Any, strides: windows.Sizes, padding: str, dilation: windows.Sizes
) -> Any:
    """Slide filters of one channel over sequences or images, channels last."""
    if len(strides) == 2:
        return ps.nn.depthwise_conv2d(x, kernel, strides, padding, None, dilation)
    y = ps.nn.depthwise_conv2d(
        ps.expand_dims(x, 1),
        ps.expand_dims(kernel, 0),
        (1, strides[0]),
        padding,
        None,
        (1, dilation[0]),
    )
    return ps.squeeze(y, 1)


class BaseDepthwiseConv(Convolution):
    """Slide filters of one channel: every channel has its own, `depth_multiplier` of them.

    Args:
        kernel_size: The filters' sides: one number, or one for each side.
        strides: The steps between windows.
        padding: "valid" or "same".
        depth_multiplier: How many filters a channel has.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        dilation_rate: The steps between the cells of a window.
        activation: A function, or its name.
        use_bias: Whether there is a bias.
        depthwise_initializer: What makes the kernel.
        bias_initializer: What makes the bias.
        depthwise_regularizer: What the kernel adds to the loss.
        bias_regularizer: What the bias adds to the loss.
        activity_regularizer: What the output adds to the loss.
        depthwise_constraint: What the kernel is made to fulfil.
        bias_constraint: What the bias is made to fulfil.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
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
        self.depth_multiplier = positive(depth_multiplier, type(self).__name__, "depth_multiplier")
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias.

        Raises:
            ValueError: The shape does not fit the layer.
        """
        channels = self._begin_build(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="kernel",
        )
        self._add_bias(channels * self.depth_multiplier)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Slide the filters, add the bias, and apply the activation."""
        x = self._prepared(inputs)
        kernel = ps.cast(self.kernel.value, x.dtype)
        return self._finished(depthwise(x, kernel, self.strides, self.padding, self.dilation_rate))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        channels = windows.split_shape(input_shape, self.data_format)[2]
        return self._window_shape(input_shape, channels * self.depth_multiplier)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
            "depthwise_regularizer": regularizers.serialize(self.depthwise_regularizer),
            "depthwise_constraint": constraints.serialize(self.depthwise_constraint),
        }


class DepthwiseConv1D(BaseDepthwiseConv):
    """Slide filters of one channel over sequences [batch, length, channels].

    Args:
        kernel_size: The filters' width; the other arguments are explained at `BaseDepthwiseConv`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.DepthwiseConv1D(3, depth_multiplier=2)(keras.Input((7, 3))).shape
    (None, 5, 6)
    """

    rank = 1


class DepthwiseConv2D(BaseDepthwiseConv):
    """Slide filters of one channel over images [batch, height, width, channels].

    Args:
        kernel_size: The filters' height and width; the other arguments are explained at `BaseDepthwiseConv`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.DepthwiseConv2D(3, padding="same")(keras.Input((7, 5, 3))).shape
    (None, 7, 5, 3)
    """

    rank = 2
    __init__ = with_defaults(BaseDepthwiseConv.__init__, strides=(1, 1), dilation_rate=(1, 1))
