"""What the cells of recurrent layers share: weights, their settings, and dropout that stays for a whole sequence."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import activations, constraints, initializers, regularizers
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.rnn.building import positive
from penstock_keras_api.random import draws
from penstock_keras_api.random.seed import SeedGenerator


class Cell(Layer):
    """Compute one step; subclasses say how, and how many gates there are.

    Args:
        units: How many numbers the state has.
        settings: The arguments of the cells by name: activation, initializers, regularizers, constraints, dropout.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `units` is no whole number above 0.
    """

    gates = 1

    def __init__(self, units: int, settings: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = positive(units, type(self).__name__, "units")
        self._keep_settings(settings)
        self.state_size: Any = self.units
        self.output_size = self.units

    def _keep_settings(self, settings: dict[str, Any]) -> None:
        self.activation = activations.get(settings["activation"])
        self.use_bias = settings["use_bias"]
        self.kernel_initializer = initializers.get(settings["kernel_initializer"])
        self.recurrent_initializer = initializers.get(settings["recurrent_initializer"])
        self.bias_initializer = initializers.get(settings["bias_initializer"])
        self.kernel_regularizer = regularizers.get(settings["kernel_regularizer"])
        self.recurrent_regularizer = regularizers.get(settings["recurrent_regularizer"])
        self.bias_regularizer = regularizers.get(settings["bias_regularizer"])
        self.kernel_constraint = constraints.get(settings["kernel_constraint"])
        self.recurrent_constraint = constraints.get(settings["recurrent_constraint"])
        self.bias_constraint = constraints.get(settings["bias_constraint"])
        self.dropout = min(1.0, max(0.0, settings["dropout"]))
        self.recurrent_dropout = min(1.0, max(0.0, settings["recurrent_dropout"]))
        self.seed = settings["seed"]
        self.seed_generator = SeedGenerator(self.seed)
        self._masks: tuple[Any, Any] | None = None

    # ---- weights

    def _add_kernels(self, kernel: tuple[int, ...], recurrent: tuple[int, ...]) -> None:
        self.kernel = self.add_weight(
            kernel,
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            recurrent,
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )

    def _add_bias(self, shape: tuple[int, ...], initializer: Any = None) -> None:
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape,
                initializer or self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs [batch, features]."""
        size = self.gates * self.units
        self._add_kernels((input_shape[-1], size), (self.units, size))
        self._add_bias((size,))
        self.built = True

    def values(self, dtype: Any) -> tuple[Any, Any, Any]:
        """Return kernel, recurrent kernel and bias (or None) in the dtype of the inputs."""
        bias = None if self.bias is None else ps.cast(self.bias.value, dtype)
        kernel, recurrent = self.kernel.value, self.recurrent_kernel.value
        return ps.cast(kernel, dtype), ps.cast(recurrent, dtype), bias

    # ---- states and dropout

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Return states of zeros, [batch, units] each."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ps.zeros((batch_size, size), self.compute_dtype) for size in sizes]

    def draw_masks(self, x_shape: Any, state_shape: Any, dtype: Any) -> tuple[Any, Any]:
        """Draw what inputs and states are multiplied with; None where nothing is dropped."""
        return (
            _mask(x_shape, self.dropout, self.seed_generator, dtype),
            _mask(state_shape, self.recurrent_dropout, self.seed_generator, dtype),
        )

    def hold_masks(self, masks: tuple[Any, Any] | None) -> None:
        """Use these masks in every call, until told None."""
        object.__setattr__(self, "_masks", masks)

    def dropped(self, x: Any, h: Any, training: bool | None) -> tuple[Any, Any]:
        """Return input and state without what dropout takes away."""
        if not training or not (self.dropout or self.recurrent_dropout):
            return x, h
        masks = self._masks
        for_x, for_h = self.draw_masks(x.shape, h.shape, x.dtype) if masks is None else masks
        return x if for_x is None else x * for_x, h if for_h is None else h * for_h

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal cell of."""
        return {**super().get_config(), **self.arguments()}

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as plain data."""
        return {"units": self.units, **self.settings()}

    def settings(self) -> dict[str, Any]:
        """Return the arguments that all cells have, as plain data."""
        return {
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": initializers.serialize(self.recurrent_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "recurrent_regularizer": regularizers.serialize(self.recurrent_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "recurrent_constraint": constraints.serialize(self.recurrent_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


def _mask(shape: Any, rate: float, seed: Any, dtype: Any) -> Any:
    if not 0.0 < rate < 1.0:
        return None
    return draws.drop(ps.ones(tuple(shape), dtype), rate, seed=seed)
