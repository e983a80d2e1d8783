"""Gated recurrent units: the layer and its cell."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import activations
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.rnn.building import forward_to_cell, inner_settings, layer_config
from penstock_keras_api.layers.rnn.cell import Cell
from penstock_keras_api.layers.rnn.rnn import RNN


class GRUCell(Cell):
    """Compute one step of gated recurrent units; the gates are in the order z, r, g.

    h = σ(z) · h + (1 - σ(z)) · activation(x_g + σ(r) · h_g), with [x_z, x_r, x_g] = x · kernel + bias and h_g = h ·
    recurrent_kernel_g.

    Args:
        units: How many numbers the state has.
        activation: What makes the output: a function, or its name.
        recurrent_activation: What makes the gates.
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
        reset_after: Whether the reset gate comes after the product with the recurrent kernel.
        seed: Where the random numbers of dropout begin.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `units` is no whole number above 0.

    >>> from penstock import keras
    >>> keras.layers.RNN(keras.layers.GRUCell(4))(keras.Input((7, 3))).shape
    (None, 4)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
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
        self.reset_after = reset_after

    def _add_bias(self, shape: tuple[int, ...], initializer: Any = None) -> None:
        super()._add_bias((2, *shape) if self.reset_after else shape)

    def biases(self, dtype: Any) -> tuple[Any, Any]:
        """Return the biases of x · kernel and of h · recurrent_kernel, or None."""
        bias = self.values(dtype)[2]
        if bias is None or not self.reset_after:
            return bias, None
        return bias[0], bias[1]

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Compute one step; return the output and the next state."""
        h = states[0] if isinstance(states, list | tuple) else states
        x, h = self.dropped(inputs, h, training)
        kernel, recurrent, _ = self.values(x.dtype)
        bias, recurrent_bias = self.biases(x.dtype)
        x = ps.matmul(x, kernel)
        x_z, x_r, x_g = ps.split(x if bias is None else x + bias, 3, axis=-1)
        gate, units = self.recurrent_activation, self.units
        if self.reset_after:
            inner = ps.matmul(h, recurrent)
            inner = inner if recurrent_bias is None else inner + recurrent_bias
            h_z, h_r, h_g = ps.split(inner, 3, axis=-1)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            g = self.activation(x_g + r * h_g)
        else:
            h_z, h_r = ps.split(ps.matmul(h, recurrent[:, : 2 * units]), 2, axis=-1)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            g = self.activation(x_g + ps.matmul(r * h, recurrent[:, 2 * units :]))
        h = z * h + (1 - z) * g
        return h, [h] if isinstance(states, list | tuple) else h

    def settings(self) -> dict[str, Any]:
        """Return the arguments beside `units`, as plain data."""
        return {
            **super().settings(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


@forward_to_cell(
    "units",
    "activation",
    "recurrent_activation",
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
    "reset_after",
    "seed",
)
class GRU(RNN):
    """Go through sequences [batch, time, features] with gated recurrent units.

    Args:
        units: How many numbers the state has.
        activation: What makes the output: a function, or its name.
        recurrent_activation: What makes the gates.
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
        seed: Where the random numbers of dropout begin.
        return_sequences: Whether the output of every step is returned.
        return_state: Whether the last states are returned too.
        go_backwards: Whether the last step comes first.
        stateful: Whether a batch begins with the states in which the one before ended.
        unroll: Kept for compatibility: how loops run is not the model's matter here.
        reset_after: Whether the reset gate comes after the product with the recurrent kernel.
        use_cudnn: Kept for compatibility.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `units` is no whole number above 0.

    >>> from penstock import keras
    >>> keras.layers.GRU(4, return_sequences=True)(keras.Input((7, 3))).shape
    (None, 7, 4)
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
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
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
            reset_after=reset_after,
            seed=seed,
            name="gru_cell",
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
        kernel, recurrent, _ = cell.values(x.dtype)
        bias, recurrent_bias = cell.biases(x.dtype)
        outputs, h = ps.nn.gru(
            x,
            kernel,
            recurrent,
            bias,
            recurrent_bias,
            begin[0],
            mask,
            reset_after=cell.reset_after,
            go_backwards=self.go_backwards,
        )
        return outputs, [h]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return layer_config(self._own_config(), self)
