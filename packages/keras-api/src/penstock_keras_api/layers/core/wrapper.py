"""A layer around a layer."""

from __future__ import annotations

from typing import Any, Self

from penstock.errors import InvalidTypeError
from penstock_keras_api.layers.building import build_inner, unbuilt
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.saving import serialization


class Wrapper(Layer):
    """Hold another layer; subclasses say what they do with it.

    Args:
        layer: The layer.
        kwargs: As in `Layer`.

    Raises:
        TypeError: It is no layer.

    >>> from penstock import keras
    >>> keras.layers.Wrapper(keras.layers.Dense(3)).layer.units
    3
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise InvalidTypeError(
                f"[{type(self).__name__}] got {type(layer).__name__}; give it a keras.layers.Layer"
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside."""
        build_inner(self.layer, input_shape)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "layer": serialization.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Make a layer of what `get_config` returned."""
        inner = serialization.deserialize_keras_object(unbuilt(config["layer"]), custom_objects)
        return cls(inner, **{key: value for key, value in config.items() if key != "layer"})
