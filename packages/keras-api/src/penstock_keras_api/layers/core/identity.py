"""A layer that changes nothing."""

from __future__ import annotations

from typing import Any

from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer


class Identity(Layer):
    """Return the input.

    Args:
        kwargs: As in `Layer`.

    Raises:
        TypeError: There is an argument that `Layer` does not take.

    >>> from penstock import keras
    >>> keras.layers.Identity()([1.0, 2.0]).tolist()
    [1.0, 2.0]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the input."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape and dtype of the output."""
        return tree.map_structure(lambda t: KerasTensor(t.shape, t.dtype), inputs)
