"""Keras's interface, on Penstock: `from penstock import keras`.

This file only re-exports; three parts are loaded when they are asked for.
"""

from importlib import import_module
from typing import Any

from penstock_keras_api import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    data,
    datasets,
    dtype_policies,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    tree,
    utils,
    visualization,
)
from penstock_keras_api.dtype_policies import DTypePolicy, FloatDTypePolicy
from penstock_keras_api.initializers import Initializer
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers import Input, InputSpec, Layer
from penstock_keras_api.losses import Loss
from penstock_keras_api.metrics import Metric
from penstock_keras_api.models import Model, Sequential
from penstock_keras_api.operation import Operation
from penstock_keras_api.optimizers import Optimizer
from penstock_keras_api.regularizers import Regularizer
from penstock_keras_api.rematerialization import RematScope, remat
from penstock_keras_api.stateless import StatelessScope
from penstock_keras_api.variable import Variable

# Not everybody needs these, and they take their time.
_LATER = ("estimator", "feature_column", "wrappers")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'penstock.keras' has no attribute {name!r}")


__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "dtype_policies",
    "estimator",
    "feature_column",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "trees",
    "utils",
    "visualization",
    "wrappers",
]
