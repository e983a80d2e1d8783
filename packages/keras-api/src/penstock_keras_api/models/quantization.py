"""Quantising the layers of a model."""

from __future__ import annotations

import re
from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.layers.modes import Modes
from penstock_keras_api.quantizers.modes import config_for


def quantize_model(model: Any, mode: str | None, config: Any, filters: Any) -> None:
    """Quantise the layers that can be; see `Model.quantize`."""
    chosen = config_for(mode, config)
    if not model.built:
        raise InvalidValueError(
            f"[quantize] the model {model.name!r} has no weights yet; call it on data once, or model.build(input_shape)"
        )
    found = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if _can(layer) and _wanted(layer, filters)
    ]
    if not found:
        raise InvalidValueError(
            f"[quantize] no layer of {model.name!r} can be quantised, or passes the filters; Dense, EinsumDense and Embedding "
            "layers can"
        )
    for layer in found:
        layer.quantize(chosen.mode, config=config)
    model._functions = {}  # steps that were traced have the floats


def _can(layer: Any) -> bool:
    return not layer._layers and type(layer).quantize is not Modes.quantize


def _wanted(layer: Any, filters: Any) -> bool:
    if filters is None:
        return True
    if callable(filters):
        return bool(filters(layer))
    patterns = [filters] if isinstance(filters, str) else filters
    return any(re.search(pattern, layer.name) for pattern in patterns)
