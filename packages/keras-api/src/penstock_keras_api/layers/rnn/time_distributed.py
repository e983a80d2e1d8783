"""A layer, applied to every step of a sequence."""

from __future__ import annotations

from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidTypeError, ShapeError
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.rnn.building import build_inner, unbuilt
from penstock_keras_api.saving import serialization


class TimeDistributed(Layer):
    """Apply a layer to every step of sequences [batch, time, ...], with the same weights.

    Args:
        layer: The layer.
        kwargs: As in `Layer`.

    Raises:
        TypeError: It is no layer.

    >>> from penstock import keras
    >>> keras.layers.TimeDistributed(keras.layers.Dense(4))(keras.Input((7, 3))).shape
    (None, 7, 4)
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise InvalidTypeError(
                f"[TimeDistributed] got {layer!r}; expected a layer, such as Dense(4)"
            )
        super().__init__(**kwargs)
        self.layer = layer
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Build the layer for one step.

        Raises:
            ValueError: There is no axis of time.
        """
        if len(input_shape) < 3:
            raise ShapeError(
                f"[{self.name}] got inputs of shape {input_shape}; expected [batch, time, ...], at least 3 axes"
            )
        build_inner(self.layer, (input_shape[0], *input_shape[2:]))
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        made = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (made[0], input_shape[1], *made[1:])

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Put time into the batch, apply the layer, and take time out again."""
        batch, time, *rest = inputs.shape
        flat = ps.reshape(inputs, (batch * time, *rest))
        extra = {} if mask is None else {"mask": ps.reshape(mask, (batch * time, *mask.shape[2:]))}
        made = self.layer(flat, training=training, **extra)
        return ps.reshape(made, (batch, time, *made.shape[1:]))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "layer": serialization.serialize_keras_object(self.layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Make a layer of what `get_config` returned."""
        config = dict(config)
        layer = serialization.deserialize_keras_object(unbuilt(config.pop("layer")), custom_objects)
        return cls(layer, **config)
