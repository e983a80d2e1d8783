"""Long short-term memory of rows."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.layers.rnn.building import inner_settings
from penstock_keras_api.layers.rnn.conv_lstm import ConvLSTM, ConvLSTMCell


class ConvLSTM1D(ConvLSTM):
    """Go through sequences of rows [batch, time, width, channels] with convolutions.

    Args:
        filters: How many channels the state has.
        kernel_size: The sizes of the windows.
        strides: The steps between windows on the inputs.
        padding: "valid" or "same": what surrounds the inputs.
        data_format: Whether channels are the last axis or the first.
        dilation_rate: The steps between the cells of a window.
        activation: What makes the output: a function, or its name.
        recurrent_activation: What makes the gates.
        use_bias: Whether there is a bias.
        kernel_initializer: What makes the kernel.
        recurrent_initializer: What makes the recurrent kernel.
        bias_initializer: What makes the bias.
        unit_forget_bias: Whether the bias of the forget gate begins with 1.
        kernel_regularizer: What the kernel adds to the loss.
        recurrent_regularizer: What the recurrent kernel adds to the loss.
        bias_regularizer: What the bias adds to the loss.
        activity_regularizer: What the output adds to the loss.
        kernel_constraint: What the kernel is made to fulfil.
        recurrent_constraint: What the recurrent kernel is made to fulfil.
        bias_constraint: What the bias is made to fulfil.
        dropout: The share of inputs that training drops, the same ones at every step.
        recurrent_dropout: The share of the state that training drops.
        seed: Where the random numbers of dropout begin.
        return_sequences: Whether the output of every step is returned.
        return_state: Whether the last states are returned too.
        go_backwards: Whether the last step comes first.
        stateful: Whether a batch begins with the states in which the one before ended.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is none of these.

    >>> from penstock import keras
    >>> keras.layers.ConvLSTM1D(4, 3)(keras.Input((7, 9, 3))).shape
    (None, 7, 4)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        settings = {
            "activation": activation,
            "recurrent_activation": recurrent_activation,
            "use_bias": use_bias,
            "kernel_initializer": kernel_initializer,
            "recurrent_initializer": recurrent_initializer,
            "bias_initializer": bias_initializer,
            "unit_forget_bias": unit_forget_bias,
            "kernel_regularizer": kernel_regularizer,
            "recurrent_regularizer": recurrent_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "recurrent_constraint": recurrent_constraint,
            "bias_constraint": bias_constraint,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "seed": seed,
        }
        cell = ConvLSTMCell(
            1,
            settings,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            name="conv_lstm_cell",
            **inner_settings(kwargs),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
