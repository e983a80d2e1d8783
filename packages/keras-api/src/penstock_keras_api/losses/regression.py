"""Losses of regression."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import config
from penstock_keras_api.losses.loss import LossFunctionWrapper
from penstock_keras_api.losses.losses import as_pair


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of 100 |t - p| / |t| over the last axis."""
    y_true, y_pred = as_pair(y_true, y_pred)
    size = ps.maximum(ps.abs(y_true), config.epsilon())
    return 100.0 * ps.mean(ps.abs((y_true - y_pred) / size), -1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of (log(1 + t) - log(1 + p))² over the last axis; negative numbers count as zero."""
    y_true, y_pred = as_pair(y_true, y_pred)
    logs = [ps.log(ps.maximum(t, config.epsilon()) + 1.0) for t in (y_true, y_pred)]
    return ps.mean(ps.square(logs[1] - logs[0]), -1)


def unit_length(x: Any, axis: int = -1) -> Any:
    """Divide vectors by their lengths; a vector of zeros stays."""
    square = ps.sum(ps.square(x), axis, keepdims=True)
    return x * ps.rsqrt(ps.maximum(square, 1e-12))


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between vectors."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return -ps.sum(unit_length(y_true, axis) * unit_length(y_pred, axis), axis)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Mean over the last axis of e²/2 for errors up to delta, and of delta (|e| - delta/2) beyond."""
    y_true, y_pred = as_pair(y_true, y_pred)
    error = ps.abs(y_pred - y_true)
    beyond = delta * error - 0.5 * delta * delta
    return ps.mean(ps.where(error <= delta, 0.5 * ps.square(error), beyond), -1)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Mean of log cosh(p - t) over the last axis."""
    y_true, y_pred = as_pair(y_true, y_pred)
    error = y_pred - y_true
    # log cosh e = e + log(1 + exp(-2e)) - log 2, which does not overflow
    return ps.mean(
        error + ps.nn.softplus(-2.0 * error) - ps.log(ps.full((), 2.0, dtype=error.dtype)), -1
    )


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """Mean of differences, in percent of the labels.

    Args:
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.MeanAbsolutePercentageError()
    >>> round(float(loss([[2.0, 4.0]], [[1.0, 5.0]])), 3)
    37.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """Mean of squared differences of logarithms.

    Args:
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.MeanSquaredLogarithmicError()
    >>> round(float(loss([[0.0, 1.0]], [[0.0, 3.0]])), 3)
    0.24
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine of the angle between labels and predictions: -1 where they point the same way.

    Args:
        axis: The axis of the vectors.
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.CosineSimilarity()
    >>> round(float(loss([[1.0, 0.0]], [[3.0, 0.0]])), 3)
    -1.0
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        kwargs = {"axis": axis}
        super().__init__(cosine_similarity, reduction, name, dtype, **kwargs)
        self.axis = axis


class Huber(LossFunctionWrapper):
    """Squares of small errors, and the size of large ones.

    Args:
        delta: Where errors begin to be large.
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.Huber()
    >>> round(float(loss([[0.0, 0.0]], [[1.0, 3.0]])), 3)
    1.5
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        kwargs = {"delta": delta}
        super().__init__(huber, reduction, name, dtype, **kwargs)
        self.delta = delta


class LogCosh(LossFunctionWrapper):
    """Mean of the logarithm of the hyperbolic cosine of the error.

    Args:
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.LogCosh()
    >>> round(float(loss([[0.0]], [[1.0]])), 3)
    0.434
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(log_cosh, reduction, name, dtype)
