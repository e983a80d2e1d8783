"""What recurrent layers share: forwarding attributes, checking arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from penstock.errors import InvalidValueError

_T = TypeVar("_T", bound=type)


def forward_to_cell(*names: str) -> Callable[[_T], _T]:
    """Give a layer the attributes of its cell, to read."""

    def decorate(cls: _T) -> _T:
        for name in names:
            setattr(cls, name, property(_reader(name), doc=f"The cell's {name}."))
        return cls

    return decorate


def _reader(name: str) -> Callable[[Any], Any]:
    return lambda self: getattr(self.cell, name)


def positive(value: Any, what: str, name: str) -> int:
    """Return a whole number above 0.

    Raises:
        ValueError: It is none.
    """
    if int(value) != value or value <= 0:
        raise InvalidValueError(f"[{what}] got {name}={value!r}; use a whole number above 0")
    return int(value)


def inner_settings(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a layer that its cell shares."""
    return {"dtype": kwargs.get("dtype"), "trainable": kwargs.get("trainable", True)}


def layer_config(own: dict[str, Any], layer: Any) -> dict[str, Any]:
    """Return the configuration of a layer that is made of its cell's arguments."""
    from penstock_keras_api import regularizers

    regularizer = regularizers.serialize(layer.activity_regularizer)
    return {**own, **layer.cell.arguments(), "activity_regularizer": regularizer}
