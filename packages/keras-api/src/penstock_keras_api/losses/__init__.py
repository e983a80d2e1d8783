"""Losses: what training makes small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_keras_api import _lookup
from penstock_keras_api.losses.loss import Loss, LossFunctionWrapper
from penstock_keras_api.losses.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)
from penstock_keras_api.saving import serialization

_CLASSES = (
    BinaryCrossentropy, CategoricalCrossentropy, MeanAbsoluteError, MeanSquaredError, SparseCategoricalCrossentropy,
)  # fmt: skip
_FUNCTIONS = (
    binary_crossentropy, categorical_crossentropy, mean_absolute_error, mean_squared_error, sparse_categorical_crossentropy,
)  # fmt: skip
_KNOWN = {c.__name__: c for c in _CLASSES} | {f.__name__: f for f in _FUNCTIONS} | {
    "bce": binary_crossentropy, "BCE": binary_crossentropy, "mae": mean_absolute_error, "MAE": mean_absolute_error,
    "mse": mean_squared_error, "MSE": mean_squared_error,
}  # fmt: skip


def get(identifier: Any) -> Any:
    """Return a loss: of a name, a configuration, a class, or itself.

    Raises:
        ValueError: It stands for none.
    """
    return _lookup.find("loss", identifier, _KNOWN)


def serialize(loss: Loss) -> Any:
    """Return a loss as plain data."""
    return serialization.serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a loss of plain data."""
    return _lookup.find("loss", name, _KNOWN, custom_objects=custom_objects)


__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "deserialize",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "serialize",
    "sparse_categorical_crossentropy",
]
