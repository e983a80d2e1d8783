"""Keras's interface, on Penstock: `from penstock import keras`.

This file only re-exports; some parts are loaded when they are asked for.
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
    quantizers,
    random,
    regularizers,
    saving,
    tree,
    utils,
)
from penstock_keras_api.dtype_policies import DTypePolicy, FloatDTypePolicy
from penstock_keras_api.function import Function
from penstock_keras_api.initializers import Initializer
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers import Input, InputSpec, Layer
from penstock_keras_api.losses import Loss
from penstock_keras_api.metrics import Metric
from penstock_keras_api.models import Model, Sequential
from penstock_keras_api.operation import Operation
from penstock_keras_api.optimizers import Optimizer
from penstock_keras_api.quantizers import Quantizer
from penstock_keras_api.regularizers import Regularizer
from penstock_keras_api.rematerialization import RematScope, remat
from penstock_keras_api.scopes import SymbolicScope, device, name_scope, version
from penstock_keras_api.stateless import StatelessScope
from penstock_keras_api.variable import Variable

# Not everybody needs these, and they take their time.
_LATER = (
    "applications",
    "datasets",
    "distillation",
    "distribution",
    "estimator",
    "export",
    "feature_column",
    "preprocessing",
    "trees",
    "visualization",
    "wrappers",
)


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'penstock.keras' has no attribute {name!r}")


__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
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
    "Quantizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "SymbolicScope",
    "Variable",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "device",
    "distillation",
    "distribution",
    "dtype_policies",
    "estimator",
    "export",
    "feature_column",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "quantizers",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "trees",
    "utils",
    "version",
    "visualization",
    "wrappers",
]

__version__ = version()
