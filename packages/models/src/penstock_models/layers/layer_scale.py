"""A number for each channel."""

from __future__ import annotations

from typing import Any

from penstock_keras_api import initializers
from penstock_keras_api.layers import Layer


class LayerScale(Layer):
    """Multiply each channel by a number that is learnt.

    Args:
        initial_value: The numbers at first.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        TypeError: `initial_value` is no number.

    Source:
        Touvron et al., 2021, "Going deeper with image transformers", https://arxiv.org/abs/2103.17239.

    >>> LayerScale(0.5)([[2.0, 4.0]]).tolist()
    [[1.0, 2.0]]
    """

    def __init__(self, initial_value: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_value = float(initial_value)

    def build(self, input_shape: Any) -> None:
        """Make a number for each channel."""
        start = initializers.Constant(self.initial_value)
        self.gamma = self.add_weight((input_shape[-1],), start, name="gamma")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs, scaled."""
        return inputs * self.gamma

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "initial_value": self.initial_value}
