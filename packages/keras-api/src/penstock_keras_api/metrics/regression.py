"""Metrics of regression."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api.losses.losses import as_pair, mean_absolute_error, mean_squared_error
from penstock_keras_api.losses.regression import (
    log_cosh,
    mean_absolute_percentage_error,
    mean_squared_logarithmic_error,
    unit_length,
)
from penstock_keras_api.metrics.metric import Metric
from penstock_keras_api.metrics.reduction import Mean, MeanMetricWrapper


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Take the cosine of the angle between vectors; the loss of this name has the other sign."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return ps.sum(unit_length(y_true, axis) * unit_length(y_pred, axis), axis)


class MeanSquaredError(MeanMetricWrapper):
    """Mean of squared differences.

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> round(float(keras.metrics.MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]])), 3)
    5.0
    """

    def __init__(
        self,
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, name, dtype)
        self._direction = "down"


class MeanAbsoluteError(MeanMetricWrapper):
    """Mean of differences without their sign.

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> round(float(keras.metrics.MeanAbsoluteError()([[0.0, 0.0]], [[1.0, 3.0]])), 3)
    2.0
    """

    def __init__(
        self,
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, name, dtype)
        self._direction = "down"


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Mean of differences, in percent of the labels.

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> round(float(keras.metrics.MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]])), 3)
    37.5
    """

    def __init__(
        self,
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, name, dtype)
        self._direction = "down"


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Mean of squared differences of logarithms.

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> round(float(keras.metrics.MeanSquaredLogarithmicError()([[0.0, 1.0]], [[0.0, 3.0]])), 3)
    0.24
    """

    def __init__(
        self,
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, name, dtype)
        self._direction = "down"


class CosineSimilarity(MeanMetricWrapper):
    """Cosine of the angle between labels and predictions.

    Args:
        name: A name.
        dtype: The dtype of the result.
        axis: The axis of the vectors.

    >>> from penstock import keras
    >>> round(float(keras.metrics.CosineSimilarity()([[1.0, 0.0]], [[3.0, 0.0]])), 3)
    1.0
    """

    def __init__(
        self,
        name: str | None = "cosine_similarity",
        dtype: Any = None,
        axis: int = -1,
    ) -> None:
        super().__init__(cosine_similarity, name, dtype, axis=axis)
        self.axis = axis
        self._direction = "up"


class LogCoshError(MeanMetricWrapper):
    """Mean of the logarithm of the hyperbolic cosine of the error.

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> round(float(keras.metrics.LogCoshError()([[0.0]], [[1.0]])), 3)
    0.434
    """

    def __init__(
        self,
        name: str | None = "logcosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(log_cosh, name, dtype)
        self._direction = "down"


class RootMeanSquaredError(Mean):
    """Root of the mean of squared differences.

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> float(keras.metrics.RootMeanSquaredError()([[0.0, 0.0]], [[1.0, 7.0]]))
    5.0
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self._direction = "down"

    def update_state(  # type: ignore[override]  # other arguments, as in Keras
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Add a batch."""
        y_true, y_pred = as_pair(y_true, ps.cast(ps.asarray(y_pred), self.dtype))
        super().update_state(ps.square(y_pred - y_true), sample_weight)

    def result(self) -> Any:
        """Return the root so far."""
        return ps.sqrt(super().result())


class R2Score(Metric):
    """Which part of the labels' variance predictions explain: 1 - Σ(t - p)² / Σ(t - mean)².

    Args:
        class_aggregation: "uniform_average" or "variance_weighted_average" of the outputs; None for one number each.
        num_regressors: How many variables explain the labels, for the adjusted score; 0 for the plain one.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: There is no such aggregation, the number is negative, or labels are not [batch, outputs].

    >>> from penstock import keras
    >>> round(float(keras.metrics.R2Score()([[0.0], [2.0], [5.0]], [[1.0], [2.0], [4.0]])), 3)
    0.842
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self._direction = "up"
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise InvalidValueError(
                f"[R2Score] got class_aggregation={class_aggregation!r}; use 'uniform_average', "
                "'variance_weighted_average' or None"
            )
        if num_regressors < 0:
            raise InvalidValueError(f"[R2Score] got num_regressors={num_regressors}; use 0 or more")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, shape: Any) -> None:
        if len(shape) != 2:
            raise ShapeError(f"[R2Score] got values of shape {shape}; give [batch, outputs]")
        sizes = (int(shape[-1]),)
        self.squared_sum = self.add_variable(sizes, "zeros", name="squared_sum")
        self.sum = self.add_variable(sizes, "zeros", name="sum")
        self.total_mse = self.add_variable(sizes, "zeros", name="residual")
        self.count = self.add_variable(sizes, "zeros", name="count")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        y_true, y_pred = ps.asarray(y_true), ps.cast(ps.asarray(y_pred), self.dtype)
        if y_true.ndim == 1 and y_pred.ndim == 2:
            y_true = ps.expand_dims(y_true, 1)
        y_true, y_pred = as_pair(y_true, y_pred)
        if not self._built:
            self._build(y_pred.shape)
        weight = ps.ones_like(y_true)
        if sample_weight is not None:
            given = ps.cast(ps.asarray(sample_weight), self.dtype)
            weight = weight * (ps.expand_dims(given, 1) if given.ndim == 1 else given)
        self.sum.assign(self.sum + ps.sum(y_true * weight, 0))
        self.squared_sum.assign(self.squared_sum + ps.sum(ps.square(y_true) * weight, 0))
        self.total_mse.assign(self.total_mse + ps.sum(ps.square(y_true - y_pred) * weight, 0))
        self.count.assign(self.count + ps.sum(weight, 0))
        self.num_samples.assign(self.num_samples + ps.cast(ps.asarray(y_true.size), self.dtype))

    def result(self) -> Any:
        """Return the score so far."""
        total = self.squared_sum - ps.square(self.sum.value) / self.count
        scores = 1.0 - self.total_mse / total
        scores = ps.where(ps.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = ps.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ps.sum(total * scores) / ps.sum(total)
        if not self.num_regressors:
            return scores
        spare = self.num_samples - float(self.num_regressors) - 1.0
        enough = spare > 0.0  # with fewer samples the plain score is all there is
        lost = (1.0 - scores) * (self.num_samples - 1.0) / ps.where(enough, spare, 1.0)
        return ps.where(enough, 1.0 - lost, scores)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of."""
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
