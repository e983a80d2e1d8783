"""The simplest recurrent layer, and its cell."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import activations
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.rnn.building import forward_to_cell, inner_settings, layer_config
from penstock_keras_api.layers.rnn.cell import Cell
from penstock_keras_api.layers.rnn.rnn import RNN


class SimpleRNNCell(Cell):
    """Compute h = activation(x · kernel + bias + h · recurrent_kernel).

    Args:
        units: How many numbers the state has.
        activation: What makes the output: a function, or its name.
        use_bias: Whether there is a bias.
        kernel_initializer: What makes the kernel.
        recurrent_initializer: What makes the recurrent kernel.
        bias_initializer: What makes the bias.
        kernel_regularizer: What the kernel adds to the loss.
        recurrent_regularizer: What the recurrent kernel adds to the loss.
        bias_regularizer: What the bias adds to the loss.
        kernel_constraint: What the kernel is made to fulfil.
        recurrent_constraint: What the recurrent kernel is made to fulfil.
        bias_constraint: What the bias is made to fulfil.
        dropout: The share of inputs that training drops, the same ones at every step.
        recurrent_dropout: The share of the state that training drops.
        seed: Where the random numbers of dropout begin.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `units` is no whole number above 0.

    >>> from penstock import keras
    >>> keras.layers.RNN(keras.layers.SimpleRNNCell(4))(keras.Input((7, 3))).shape
    (None, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        settings = {
            "activation": activation,
            "use_bias": use_bias,
            "kernel_initializer": kernel_initializer,
            "recurrent_initializer": recurrent_initializer,
            "bias_initializer": bias_initializer,
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
        super().__init__(units, settings, **kwargs)

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Compute one step; return the output and the next state."""
        h = states[0] if isinstance(states, list | tuple) else states
        x, before = self.dropped(inputs, h, training)
        kernel, recurrent, bias = self.values(x.dtype)
        z = ps.matmul(x, kernel) + ps.matmul(before, recurrent)
        h = self.activation(z if bias is None else z + bias)
        return h, [h] if isinstance(states, list | tuple) else h


@forward_to_cell(
    "units",
    "activation",
    "use_bias",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "dropout",
    "recurrent_dropout",
)
class SimpleRNN(RNN):
    """Go through sequences [batch, time, features] with h = activation(x · kernel + bias + h · recurrent_kernel).

    Args:
        units: How many numbers the state has.
        activation: What makes the output: a function, or its name.
        use_bias: Whether there is a bias.
        kernel_initializer: What makes the kernel.
        recurrent_initializer: What makes the recurrent kernel.
        bias_initializer: What makes the bias.
        kernel_regularizer: What the kernel adds to the loss.
        recurrent_regularizer: What the recurrent kernel adds to the loss.
        bias_regularizer: What the bias adds to the loss.
        activity_regularizer: What the output adds to the loss.
        kernel_constraint: What the kernel is made to fulfil.
        recurrent_constraint: What the recurrent kernel is made to fulfil.
        bias_constraint: What the bias is made to fulfil.
        dropout: The share of inputs that training drops, the same ones at every step.
        recurrent_dropout: The share of the state that training drops.
        return_sequences: Whether the output of every step is returned.
        return_state: Whether the last states are returned too.
        go_backwards: Whether the last step comes first.
        stateful: Whether a batch begins with the states in which the one before ended.
        unroll: Kept for compatibility: how loops run is not the model's matter here.
        seed: Where the random numbers of dropout begin.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `units` is no whole number above 0.

    >>> from penstock import keras
    >>> keras.layers.SimpleRNN(4, return_sequences=True)(keras.Input((7, 3))).shape
    (None, 7, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            name="simple_rnn_cell",
            **inner_settings(kwargs),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = [InputSpec(ndim=3)]

    def _at_once(self, sequences: Any, begin: list[Any], mask: Any, training: bool) -> Any:
        cell = self.cell
        if training and cell.recurrent_dropout:
            return None
        names = {activations.tanh: "tanh", activations.relu: "relu"}
        name = names.get(cell.activation)
        if name is None:
            return None
        x = self._dropped(sequences, begin, training)
        kernel, recurrent, bias = cell.values(x.dtype)
        outputs, h = ps.nn.simple_rnn(
            x,
            kernel,
            recurrent,
            bias,
            begin[0],
            mask,
            activation=name,
            go_backwards=self.go_backwards,
        )
        return outputs, [h]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = layer_config(self._own_config(), self)
        made.pop("seed")  # as Keras has it
        return made
