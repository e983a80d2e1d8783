"""Transposed convolutions: every position spreads a filter over a larger output."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import constraints, initializers, regularizers
from penstock_keras_api.layers import windows
from penstock_keras_api.layers.convolutional.base import Convolution
from penstock_keras_api.layers.windows import positive, with_defaults


class BaseConvTranspose(Convolution):
    """Let every position spread a filter: the way back through a convolution, with a bias and an activation.

    Args:
        filters: How many filters there are: the channels of the output.
        kernel_size: Their sides: one number, or one for each side.
        strides: The steps between windows: how many times larger the output is.
        padding: "valid" or "same".
        output_padding: Positions added behind, fewer than the stride; None for as many as make the output a multiple.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        dilation_rate: The steps between the cells of a window.
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
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.output_padding: windows.Sizes | None = None
        if output_padding is not None:
            self.output_padding = windows.sizes_of(
                output_padding, self.rank, kind, "output_padding", least=0
            )
            if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
                raise InvalidValueError(
                    f"[{kind}] got output_padding={output_padding} with strides={self.strides}; use less than the "
                    "strides"
                )
        self._refuse_strided_dilation()
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias.

        Raises:
            ValueError: The channels are not known.
        """
        channels = self._begin_build(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, self.filters, channels),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self._add_bias(self.filters)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Spread the filters, add the bias, and apply the activation."""
        x = self._prepared(inputs)
        return self._finished(self._spread(x, ps.cast(self.kernel.value, x.dtype)))

    def _spread(self, x: Any, kernel: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no method _spread: write one")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        batch, sides, _ = windows.split_shape(input_shape, self.data_format)
        extra = self.output_padding or (None,) * self.rank
        made = [
            windows.transposed_size(side, k, s, d, self.padding, p)
            for side, k, s, d, p in zip(
                sides, self.kernel_size, self.strides, self.dilation_rate, extra, strict=True
            )
        ]
        return windows.join_shape(batch, made, self.filters, self.data_format)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "output_padding": self.output_padding,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
        }


class Conv1DTranspose(BaseConvTranspose):
    """Let every position of sequences [batch, length, channels] spread a filter.

    Args:
        filters: How many filters there are: the channels of the output.
        kernel_size: Their width; the other arguments are explained at `BaseConvTranspose`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.Conv1DTranspose(4, 3, strides=2, padding="same")(keras.Input((5, 2))).shape
    (None, 10, 4)
    """

    rank = 1

    def _spread(self, x: Any, kernel: Any) -> Any:
        extra = None if self.output_padding is None else self.output_padding[0]
        return ps.nn.conv1d_transpose(
            x, kernel, self.strides[0], self.padding, self.dilation_rate[0], extra
        )


class Conv2DTranspose(BaseConvTranspose):
    """Let every pixel of images [batch, height, width, channels] spread a filter.

    Args:
        filters: How many filters there are: the channels of the output.
        kernel_size: Their height and width; the other arguments are explained at `BaseConvTranspose`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.Conv2DTranspose(4, 3, strides=2)(keras.Input((5, 5, 2))).shape
    (None, 11, 11, 4)
    """

    rank = 2
    __init__ = with_defaults(BaseConvTranspose.__init__, strides=(1, 1), dilation_rate=(1, 1))

    def _spread(self, x: Any, kernel: Any) -> Any:
        return ps.nn.conv2d_transpose(
            x, kernel, self.strides, self.padding, None, self.dilation_rate, self.output_padding
        )


class Conv3DTranspose(BaseConvTranspose):
    """Let every cell of volumes [batch, depth, height, width, channels] spread a filter.

    Args:
        filters: How many filters there are: the channels of the output.
        kernel_size: Their sides; the other arguments are explained at `BaseConvTranspose`.

    Raises:
        ValueError: An argument is out of range.

    >>> from penstock import keras
    >>> keras.layers.Conv3DTranspose(4, 2, strides=2)(keras.Input((2, 3, 2, 1))).shape
    (None, 4, 6, 4, 4)
    """

    rank = 3

    # Keras has data_format before output_padding here, unlike in its siblings.
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = (1, 1, 1),
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
            filters,
            kernel_size,
            strides,
            padding,
            output_padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )

    def _spread(self, x: Any, kernel: Any) -> Any:
        return ps.nn.conv3d_transpose(
            x, kernel, self.strides, self.padding, None, self.dilation_rate, self.output_padding
        )


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
