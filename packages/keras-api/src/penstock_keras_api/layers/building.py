"""Building a layer that is inside another one."""

from __future__ import annotations

import inspect
from typing import Any

from penstock_keras_api import context
from penstock_keras_api.layers.layer import Layer


def build_inner(layer: Any, shape: Any) -> None:
    """Build a layer inside another one, under its own name, unless it is built."""
    if not isinstance(layer, Layer) or layer.built:
        return
    names = list(inspect.signature(layer.build).parameters)
    first = names[0].removesuffix("_shape") if names else "inputs"
    with context.scope(layer.name):
        layer._call_build({first: tuple(shape)})
    object.__setattr__(layer, "built", True)


def unbuilt(data: Any) -> Any:
    """Return an inner layer's plain data without the shapes for which it was built: the outer layer builds it."""
    if isinstance(data, list | tuple):
        return [unbuilt(item) for item in data]
    if not isinstance(data, dict) or "class_name" not in data or "config" not in data:
        return data
    made = {key: value for key, value in data.items() if key != "build_config"}
    if isinstance(made["config"], dict):
        made["config"] = {key: unbuilt(value) for key, value in made["config"].items()}
    return made
