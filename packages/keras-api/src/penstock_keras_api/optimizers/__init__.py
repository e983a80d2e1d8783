"""Optimizers: how training changes weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_keras_api import _lookup
from penstock_keras_api.optimizers import legacy, schedules
from penstock_keras_api.optimizers.adadelta import Adadelta
from penstock_keras_api.optimizers.adafactor import Adafactor
from penstock_keras_api.optimizers.adagrad import Adagrad
from penstock_keras_api.optimizers.adam import Adam
from penstock_keras_api.optimizers.adamax import Adamax
from penstock_keras_api.optimizers.adamw import AdamW
from penstock_keras_api.optimizers.ftrl import Ftrl
from penstock_keras_api.optimizers.lamb import Lamb
from penstock_keras_api.optimizers.lion import Lion
from penstock_keras_api.optimizers.loss_scale_optimizer import LossScaleOptimizer
from penstock_keras_api.optimizers.multi_optimizer import MultiOptimizer, OptimizerMap
from penstock_keras_api.optimizers.muon import Muon
from penstock_keras_api.optimizers.nadam import Nadam
from penstock_keras_api.optimizers.optimizer import Optimizer
from penstock_keras_api.optimizers.rmsprop import RMSprop
from penstock_keras_api.optimizers.schedule_free_adamw import ScheduleFreeAdamW
from penstock_keras_api.optimizers.sgd import SGD
from penstock_keras_api.saving import serialization

_CLASSES = (
    SGD, Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, LossScaleOptimizer, Muon, Nadam, RMSprop,
    ScheduleFreeAdamW, MultiOptimizer,
)  # fmt: skip
_KNOWN = {c.__name__: c for c in _CLASSES} | {c.__name__.lower(): c for c in _CLASSES}


def get(identifier: Any) -> Any:
    """Return an optimizer: of a name, a configuration, a class, or itself.

    Raises:
        ValueError: It stands for none.
    """
    name = identifier.lower() if isinstance(identifier, str) else identifier
    return _lookup.find("optimizer", name, _KNOWN)


def serialize(optimizer: Optimizer) -> Any:
    """Return an optimizer as plain data."""
    return serialization.serialize_keras_object(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make an optimizer of plain data."""
    return _lookup.find("optimizer", config, _KNOWN, custom_objects=custom_objects)


__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]
