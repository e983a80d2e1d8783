"""Building layers: under their own name, whoever asks for it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from penstock_keras_api import context


def under_own_name(build: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a class's `build`, so that weights have the layer's name before theirs and `built` is set at the end.

    Args:
        build: The method, whose own `super().build(...)` is not wrapped a second time.
    """

    @functools.wraps(build)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.__dict__.get("_is_building"):
            return build(self, *args, **kwargs)
        object.__setattr__(self, "_is_building", True)
        try:
            with context.scope(self.name):
                made = build(self, *args, **kwargs)
        finally:
            object.__setattr__(self, "_is_building", False)
        if self._build_shapes is None and (args or kwargs):
            self._build_shapes = args[0] if args else kwargs
        object.__setattr__(self, "built", True)
        return made

    return wrapper


def build_inner(layer: Any, shape: Any) -> None:
    """Build a layer inside another one, under its own name, unless it is built."""
    if getattr(layer, "built", True):  # a cell of somebody's own need not be a layer
        return
    names = list(inspect.signature(layer.build).parameters)
    first = names[0].removesuffix("_shape") if names else "inputs"
    layer._call_build({first: tuple(shape)})


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
