"""Losses that want a margin between classes."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.losses.loss import LossFunctionWrapper
from penstock_keras_api.losses.losses import as_tensors


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Mean of max(1 - t · p, 0) over the last axis; labels are -1 and 1, or 0 and 1."""
    return ps.mean(_missing_margin(y_true, y_pred), -1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Mean of max(1 - t · p, 0)² over the last axis; labels are -1 and 1, or 0 and 1."""
    return ps.mean(ps.square(_missing_margin(y_true, y_pred)), -1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """Take max(largest wrong prediction - right prediction + 1, 0); labels are one-hot."""
    y_true, y_pred = as_tensors(y_true, y_pred)
    right = ps.sum(y_true * y_pred, -1)
    wrong = ps.max((1.0 - y_true) * y_pred, -1)
    return ps.maximum(wrong - right + 1.0, 0.0)


def _missing_margin(y_true: Any, y_pred: Any) -> Any:
    y_true, y_pred = as_tensors(y_true, y_pred)
    binary = ps.all(ps.logical_or(y_true == 0.0, y_true == 1.0))
    signs = ps.where(binary, 2.0 * y_true - 1.0, y_true)
    return ps.maximum(1.0 - signs * y_pred, 0.0)


class Hinge(LossFunctionWrapper):
    """Mean of max(1 - t · p, 0).

    Args:
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.Hinge()
    >>> round(float(loss([[1.0, -1.0]], [[0.5, -2.0]])), 3)
    0.25
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """Mean of max(1 - t · p, 0)².

    Args:
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.SquaredHinge()
    >>> round(float(loss([[1.0, -1.0]], [[0.5, -2.0]])), 3)
    0.125
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """How far the right class is from being ahead by 1.

    Args:
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.CategoricalHinge()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 1.0]])), 3)
    0.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(categorical_hinge, reduction, name, dtype)
