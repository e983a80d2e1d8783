"""Metrics of how predictions follow labels."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import config
from penstock_keras_api.losses.losses import as_pair
from penstock_keras_api.metrics.reduction import MeanMetricWrapper


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Divide the covariance by both standard deviations: 1 for values on a rising line."""
    parts = []
    for x in as_pair(y_true, y_pred):
        centred = x - ps.mean(x, axis, keepdims=True)
        parts.append(centred * ps.rsqrt(ps.mean(ps.square(centred), axis, keepdims=True)))
    return ps.mean(parts[0] * parts[1], axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Measure how near values are to equal: 1 for equal ones."""
    y_true, y_pred = as_pair(y_true, y_pred)
    means = [ps.mean(x, axis, keepdims=True) for x in (y_true, y_pred)]
    spread = [
        ps.mean(ps.square(x - m), axis, keepdims=True)
        for x, m in zip((y_true, y_pred), means, strict=True)
    ]
    both = (y_true - means[1]) * (y_pred - means[1])  # the mean of the labels drops out of the sum
    norm = spread[0] + spread[1] + ps.square(means[0] - means[1])
    return ps.mean(2.0 * both / (norm + config.epsilon()), axis)


class PearsonCorrelation(MeanMetricWrapper):
    """Pearson's correlation coefficient: 1 for values on a rising line.

    Args:
        name: A name.
        dtype: The dtype of the result.
        axis: The axis of the vectors.

    >>> from penstock import keras
    >>> round(float(keras.metrics.PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]])), 3)
    1.0
    """

    def __init__(
        self,
        name: str | None = "pearson_correlation",
        dtype: Any = None,
        axis: int = -1,
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis
        self._direction = "up"


class ConcordanceCorrelation(MeanMetricWrapper):
    """Lin's concordance correlation coefficient: 1 for equal values.

    Args:
        name: A name.
        dtype: The dtype of the result.
        axis: The axis of the vectors.

    >>> from penstock import keras
    >>> round(float(keras.metrics.ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]])), 3)
    1.0
    """

    def __init__(
        self,
        name: str | None = "concordance_correlation",
        dtype: Any = None,
        axis: int = -1,
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis
        self._direction = "up"
