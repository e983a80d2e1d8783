"""Metrics of margins between classes."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.losses.margin import categorical_hinge, hinge, squared_hinge
from penstock_keras_api.metrics.reduction import MeanMetricWrapper


class Hinge(MeanMetricWrapper):
    """Mean of max(1 - t · p, 0).

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> round(float(keras.metrics.Hinge()([[1.0, -1.0]], [[0.5, -2.0]])), 3)
    0.25
    """

    def __init__(
        self,
        name: str | None = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(hinge, name, dtype)
        self._direction = "down"


class SquaredHinge(MeanMetricWrapper):
    """Mean of max(1 - t · p, 0)².

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> round(float(keras.metrics.SquaredHinge()([[1.0, -1.0]], [[0.5, -2.0]])), 3)
    0.125
    """

    def __init__(
        self,
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(squared_hinge, name, dtype)
        self._direction = "down"


class CategoricalHinge(MeanMetricWrapper):
    """How far the right class is from being ahead by 1.

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> round(float(keras.metrics.CategoricalHinge()([[0.0, 1.0]], [[0.5, 1.0]])), 3)
    0.5
    """

    def __init__(
        self,
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(categorical_hinge, name, dtype)
        self._direction = "down"
