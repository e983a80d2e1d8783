"""`keras.layers.serialize` and `deserialize`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.errors import InvalidTypeError
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.saving import serialization


def serialize(layer: Any) -> Any:
    """Return a layer as plain data.

    Args:
        layer: A layer.

    >>> from penstock import keras
    >>> keras.layers.serialize(keras.layers.Flatten())["class_name"]
    'Flatten'
    """
    return serialization.serialize_keras_object(layer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a layer of plain data.

    Args:
        config: What `serialize` returned.
        custom_objects: Classes and functions by name.

    Raises:
        ValueError: It names a class that is not known.
        TypeError: It names one that is no layer.

    >>> from penstock import keras
    >>> keras.layers.deserialize(keras.layers.serialize(keras.layers.Dense(3))).units
    3
    """
    made = serialization.deserialize_keras_object(config, custom_objects)
    if not isinstance(made, Layer):
        raise InvalidTypeError(
            f"[layers.deserialize] got the configuration of {type(made).__name__}, which is no layer; use "
            "keras.saving.deserialize_keras_object"
        )
    return made
