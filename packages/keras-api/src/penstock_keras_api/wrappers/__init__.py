"""Keras models as scikit-learn's estimators: `SKLearnClassifier`, `SKLearnRegressor`, `SKLearnTransformer`.

They are loaded when they are asked for, since they need scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from penstock.errors import PenstockError

_WHERE = {
    "SKLBase": "base",
    "SKLearnClassifier": "classifier",
    "SKLearnRegressor": "regressor",
    "SKLearnTransformer": "regressor",
    "KerasClassifier": "routed",
    "KerasRegressor": "routed",
}


class MissingLibraryError(PenstockError, ImportError):
    """A library is not installed."""


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(
            f"module 'penstock.keras.wrappers' has no attribute {name!r}; it has {', '.join(_WHERE)}"
        )
    try:
        import_module("sklearn")
    except ImportError as error:
        raise MissingLibraryError(
            f"[wrappers.{name}] needs scikit-learn, which is not installed; pip install penstock-keras-api[sklearn]"
        ) from error
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_WHERE)


__all__ = [
    "KerasClassifier",
    "KerasRegressor",
    "SKLearnClassifier",
    "SKLearnRegressor",
    "SKLearnTransformer",
]
