"""`keras.utils.legacy`: configurations of objects as Keras 2 wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_keras_api import _lookup


def serialize_keras_object(instance: Any) -> Any:
    """Return class name and configuration of an object, or the name of a function.

    Args:
        instance: An object with get_config, or a function; None gives None.

    Raises:
        ValueError: It is neither.

    >>> from penstock import keras
    >>> keras.utils.legacy.serialize_keras_object(keras.regularizers.L2(0.5))
    {'class_name': 'L2', 'config': {'l2': 0.5}}
    """
    from penstock.errors import InvalidValueError
    from penstock_keras_api.saving.registry import get_registered_name

    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        name = get_registered_name(type(instance))
        return {"class_name": name, "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise InvalidValueError(
        f"[serialize_keras_object] got {type(instance).__name__}; give it a get_config, or give a function"
    )


def deserialize_keras_object(
    identifier: Any,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Make an object of what `serialize_keras_object` returned.

    Args:
        identifier: A dictionary with class_name and config, or a name; None gives None.
        module_objects: Classes and functions by name.
        custom_objects: More of them.
        printable_module_name: What it is, for messages.

    Raises:
        ValueError: The name is not known.
    """
    return _lookup.find(
        printable_module_name, identifier, module_objects or {}, custom_objects=custom_objects
    )


__all__ = ["deserialize_keras_object", "serialize_keras_object"]
