"""An activation function as a layer."""

from __future__ import annotations

from typing import Any

from penstock_keras_api import activations
from penstock_keras_api.layers.layer import Layer


class Activation(Layer):
    """Apply an activation function.

    Args:
        activation: A function, or its name.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no activation of that name.

    >>> from penstock import keras
    >>> keras.layers.Activation("relu")([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Apply the function."""
        return self.activation(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
