"""F scores: precision and recall in one number."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config
from penstock_keras_api.metrics.metric import Metric


class FBetaScore(Metric):
    """Mean of precision and recall: (1 + β²) · precision · recall / (β² · precision + recall).

    Args:
        average: "micro" to count all classes together, "macro" for the mean of the classes, "weighted" for one by their
            numbers of samples, None for a number for each class.
        beta: How many times recall matters as much as precision.
        threshold: Above which a prediction is positive; None for the largest of each sample.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: An argument is not understood, or labels are not [batch, classes].

    >>> from penstock import keras
    >>> metric = keras.metrics.FBetaScore("macro", beta=2.0, threshold=0.5)
    >>> y_true = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> y_pred = [[0.8, 0.6], [0.3, 0.7], [0.4, 0.9]]
    >>> round(float(metric(y_true, y_pred)), 3)
    0.732
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self._direction = "up"
        kind = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise InvalidValueError(
                f"[{kind}] got average={average!r}; use 'micro', 'macro', 'weighted' or None"
            )
        if beta <= 0:
            raise InvalidValueError(f"[{kind}] got beta={beta!r}; use a number above 0")
        if threshold is not None and not 0 < threshold <= 1:
            raise InvalidValueError(
                f"[{kind}] got threshold={threshold!r}; use a number above 0, up to 1"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self._built = False

    def _build(self, shape: Any) -> None:
        if len(shape) != 2:
            raise ShapeError(
                f"[{type(self).__name__}] got values of shape {shape}; give [batch, classes]"
            )
        sizes = () if self.average == "micro" else (int(shape[-1]),)
        self.true_positives = self.add_variable(sizes, "zeros", name="true_positives")
        self.false_positives = self.add_variable(sizes, "zeros", name="false_positives")
        self.false_negatives = self.add_variable(sizes, "zeros", name="false_negatives")
        self.intermediate_weights = self.add_variable(sizes, "zeros", name="intermediate_weights")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        y_true, y_pred = (ps.cast(ps.asarray(t), self.dtype) for t in (y_true, y_pred))
        if not self._built:
            self._build(y_pred.shape)
        if self.threshold is None:
            largest = y_pred >= ps.max(y_pred, -1, keepdims=True)
            positive = ps.logical_and(largest, ps.abs(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        found = ps.cast(positive, self.dtype)
        counts = (
            (self.true_positives, found * y_true),
            (self.false_positives, found * (1.0 - y_true)),
            (self.false_negatives, (1.0 - found) * y_true),
            (self.intermediate_weights, y_true),
        )
        weight = None
        if sample_weight is not None:
            weight = ps.expand_dims(ps.cast(ps.asarray(sample_weight), self.dtype), 1)
        axis = None if self.average == "micro" else 0
        for slot, values in counts:
            slot.assign(slot + ps.sum(values if weight is None else values * weight, axis))

    def result(self) -> Any:
        """Return the score so far."""
        if not self._built:
            return ps.zeros(())
        tp = self.true_positives.value
        precision = tp / (tp + self.false_positives + config.epsilon())
        recall = tp / (tp + self.false_negatives + config.epsilon())
        square = self.beta**2
        mean = precision * recall / (square * precision + recall + config.epsilon())
        scores = mean * (1.0 + square)
        if self.average == "weighted":
            weights = self.intermediate_weights.value
            return ps.sum(scores * (weights / (ps.sum(weights) + config.epsilon())))
        return scores if self.average is None else ps.mean(scores)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of."""
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall.

    Args:
        average: As in `FBetaScore`.
        threshold: As in `FBetaScore`.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: An argument is not understood, or labels are not [batch, classes].

    >>> from penstock import keras
    >>> score = keras.metrics.F1Score("micro")([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.6, 0.4]])
    >>> round(float(score), 3)
    0.5
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of."""
        return {key: value for key, value in super().get_config().items() if key != "beta"}
