"""Long short-term memory: the layer and its cell."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import activations
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.rnn.building import forward_to_cell, inner_settings, layer_config
from penstock_keras_api.layers.rnn.cell import Cell
from penstock_keras_api.layers.rnn.rnn import RNN


class LSTMCell(Cell):
    """Compute one step of a long short-term memory; the gates are in the order i, f, g, o.

    c = σ(f) · c + σ(i) · activation(g), h = σ(o) · activation(c), with [i, f, g, o] = x · kernel + h ·
    recurrent_kernel + bias.

    Args:
        units: How many numbers the state has.
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
    >>> keras.layers.RNN(keras.layers.LSTMCell(4))(keras.Input((7, 3))).shape
    (None, 4)
    """

    gates = 4

    def __init__(
        self,
        units: int,
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def _add_bias(self, shape: tuple[int, ...], initializer: Any = None) -> None:
        super()._add_bias(shape, self._forgetful if self.unit_forget_bias else None)

    def _forgetful(self, shape: Any, dtype: Any = None) -> Any:
        """Make a bias that remembers: 1 for the forget gate."""
        size = shape[0] // 4
        parts = [
            self.bias_initializer((size,), dtype=dtype),
            ps.ones((size,), dtype),
            self.bias_initializer((2 * size,), dtype=dtype),
        ]
        return ps.concat([ps.cast(ps.asarray(part), dtype) for part in parts], 0)

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Compute one step; return the output and the next states, h and c."""
        x, h = self.dropped(inputs, states[0], training)
        kernel, recurrent, bias = self.values(x.dtype)
        z = ps.matmul(x, kernel) + ps.matmul(h, recurrent)
        return self._through_gates(z if bias is None else z + bias, states[1])

    def _through_gates(self, z: Any, c: Any) -> Any:
        i, f, g, o = ps.split(z, 4, axis=-1)
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(g)
        h = gate(o) * self.activation(c)
        return h, [h, c]

    def settings(self) -> dict[str, Any]:
        """Return the arguments beside `units`, as plain data."""
        return {
            **super().settings(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


@forward_to_cell(
    "units",
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
    "seed",
)
class LSTM(RNN):
    """Go through sequences [batch, time, features] with a long short-term memory.

    Args:
        units: How many numbers the state has.
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
        unroll: Kept for compatibility: how loops run is not the model's matter here.
        use_cudnn: Kept for compatibility.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `units` is no whole number above 0.

    >>> from penstock import keras
    >>> [t.shape for t in keras.layers.LSTM(4, return_state=True)(keras.Input((7, 3)))]
    [(None, 4), (None, 4), (None, 4)]
    """

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            name="lstm_cell",
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
        self.use_cudnn = use_cudnn

    def _at_once(self, sequences: Any, begin: list[Any], mask: Any, training: bool) -> Any:
        cell = self.cell
        usual = (activations.tanh, activations.sigmoid)
        if training and cell.recurrent_dropout:
            return None
        if (cell.activation, cell.recurrent_activation) != usual:
            return None
        x = self._dropped(sequences, begin, training)
        kernel, recurrent, bias = cell.values(x.dtype)
        outputs, states = ps.nn.lstm(
            x, kernel, recurrent, bias, begin, mask, go_backwards=self.go_backwards
        )
        return outputs, list(states)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return layer_config(self._own_config(), self)
