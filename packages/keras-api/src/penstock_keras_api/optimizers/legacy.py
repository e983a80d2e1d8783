"""`keras.optimizers.legacy`: names that Keras 3 has only to say that they are gone."""

from __future__ import annotations

from typing import Any

from penstock_keras_api._missing import MissingPluginError


class _Gone:
    """An optimizer of Keras 2."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        raise MissingPluginError(
            f"[keras.optimizers.legacy] {name} is an optimizer of Keras 2, which Keras 3 has no more; use "
            f"keras.optimizers.{name}"
        )


class Adagrad(_Gone):
    """Raise an error that names the present optimizer."""


class Adam(_Gone):
    """Raise an error that names the present optimizer."""


class Ftrl(_Gone):
    """Raise an error that names the present optimizer."""


class Optimizer(_Gone):
    """Raise an error that names the present optimizer."""


class RMSprop(_Gone):
    """Raise an error that names the present optimizer."""


class SGD(_Gone):
    """Raise an error that names the present optimizer."""


__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]
