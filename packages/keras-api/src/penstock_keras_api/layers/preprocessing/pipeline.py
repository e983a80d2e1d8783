"""Layers one behind the other."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.saving import serialization


class Pipeline(Layer):
    """Call layers one behind the other; a plain layer, and no model.

    Args:
        layers: The layers.
        name: As in `Layer`.

    Raises:
        TypeError: In a call: a layer does not take what the one before returns.

    >>> from penstock import keras
    >>> pipeline = keras.layers.Pipeline([keras.layers.Rescaling(2.0), keras.layers.Rescaling(1.0, offset=1.0)])
    >>> pipeline([1.0]).tolist()
    [3.0]
    """

    def __init__(self, layers: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self._pipeline_layers = list(layers)
        self.built = True

    @property
    def layers(self) -> list[Any]:
        """The layers."""
        return self._pipeline_layers

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        """Call all layers."""
        for layer in self._pipeline_layers:
            inputs = layer(inputs, training=training)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            "layers": [
                serialization.serialize_keras_object(layer) for layer in self._pipeline_layers
            ],
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer of what `get_config` returned."""
        layers = [serialization.deserialize_keras_object(item) for item in config["layers"]]
        return cls(layers, name=config.get("name"))
