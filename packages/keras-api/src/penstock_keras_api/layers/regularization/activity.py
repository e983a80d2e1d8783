"""A penalty for large outputs."""

from __future__ import annotations

from typing import Any

from penstock_keras_api import regularizers
from penstock_keras_api.layers.layer import Layer


class ActivityRegularization(Layer):
    """Return the input, and add l1 · Σ|x| + l2 · Σx² to the loss.

    Args:
        l1: The first factor.
        l2: The second factor.
        kwargs: As in `Layer`.

    Raises:
        ValueError: A factor is negative.

    >>> from penstock import keras
    >>> layer = keras.layers.ActivityRegularization(l1=0.5)
    >>> layer([[2.0, -4.0]]).tolist(), float(layer.losses[0])
    ([[2.0, -4.0]], 3.0)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the input."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = super().get_config()
        made.pop("activity_regularizer", None)
        return {**made, "l1": self.l1, "l2": self.l2}
