"""Losses of how little areas overlap."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import config
from penstock_keras_api.losses.loss import LossFunctionWrapper
from penstock_keras_api.losses.losses import as_tensors


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """Take 1 - 2 Σtp / (Σt + Σp)."""
    y_true, y_pred = as_tensors(y_true, y_pred)
    both = ps.sum(y_true * y_pred, axis)
    sizes = ps.sum(y_true, axis) + ps.sum(y_pred, axis)
    return 1.0 - 2.0 * both / (sizes + config.epsilon())


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Any:
    """Take 1 - Σtp / (Σtp + α Σt(1 - p) + β Σp(1 - t))."""
    y_true, y_pred = as_tensors(y_true, y_pred)
    both = ps.sum(y_true * y_pred, axis)
    only_true = ps.sum(y_true * (1.0 - y_pred), axis)
    only_predicted = ps.sum(y_pred * (1.0 - y_true), axis)
    return 1.0 - both / (both + alpha * only_true + beta * only_predicted + config.epsilon())


class Dice(LossFunctionWrapper):
    """How little labels and predictions overlap, of the sum of both sizes.

    Args:
        axis: The axes of an area; None for all.
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.Dice()
    >>> round(float(loss([[1.0, 0.0]], [[1.0, 1.0]])), 3)
    0.333
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        kwargs = {"axis": axis}
        super().__init__(dice, reduction, name, dtype, **kwargs)
        self.axis = axis


class Tversky(LossFunctionWrapper):
    """How little labels and predictions overlap, with a weight for each kind of error.

    Args:
        alpha: The weight of what is missed.
        beta: The weight of what is found in vain.
        axis: The axes of an area; None for all.
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.Tversky()
    >>> round(float(loss([[1.0, 0.0]], [[1.0, 1.0]])), 3)
    0.333
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        kwargs = {"alpha": alpha, "beta": beta, "axis": axis}
        super().__init__(tversky, reduction, name, dtype, **kwargs)
        self.alpha = alpha
        self.beta = beta
        self.axis = axis
