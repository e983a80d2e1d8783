"""A mask made of a value that marks steps to skip."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.saving import serialization


class Masking(Layer):
    """Mask the steps in which every feature has one value, and put zeros there.

    Args:
        mask_value: The value.
        kwargs: As in `Layer`.

    Raises:
        TypeError: There is an argument that `Layer` does not take.

    >>> from penstock import keras
    >>> layer = keras.layers.Masking(-1.0)
    >>> layer.compute_mask([[[-1.0, -1.0], [-1.0, 2.0]]]).tolist()
    [[False, True]]
    """

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):
            mask_value = serialization.deserialize_keras_object(mask_value)
        self.mask_value = mask_value
        self.supports_masking = True
        self.built = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the steps that count: [batch, steps], booleans."""
        return ps.any(ps.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        """Put zeros into the masked steps."""
        counts = ps.any(ps.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ps.where(counts, inputs, ps.zeros((), inputs.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "mask_value": self.mask_value}
