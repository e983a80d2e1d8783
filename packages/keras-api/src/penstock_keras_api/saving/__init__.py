"""Saving and loading: configurations of objects, weights, whole models."""

from penstock_keras_api.saving.editor import KerasFileEditor
from penstock_keras_api.saving.model_files import load_model, save_model
from penstock_keras_api.saving.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from penstock_keras_api.saving.serialization import (
    deserialize_keras_object,
    serialize_keras_object,
)
from penstock_keras_api.saving.weights import load_weights, save_weights

__all__ = [
    "CustomObjectScope",
    "KerasFileEditor",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
