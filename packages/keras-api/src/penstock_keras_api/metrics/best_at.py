"""The best of one ratio where another is large enough."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.metrics.metric import Metric
from penstock_keras_api.metrics.thresholds import count_at, even_thresholds


class _BestAt(Metric):
    """The largest value of a ratio, of all thresholds at which another ratio is large enough."""

    def __init__(
        self,
        what: str,
        value: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(dtype, name)
        self._direction = "up"
        kind = type(self).__name__
        if not 0 <= value <= 1:
            raise InvalidValueError(f"[{kind}] got {what}={value}; use a number from 0 to 1")
        if num_thresholds <= 0:
            raise InvalidValueError(
                f"[{kind}] got num_thresholds={num_thresholds}; use a number above 0"
            )
        self._what = what
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self.thresholds = even_thresholds(num_thresholds)
        size = (num_thresholds,)
        self.true_positives = self.add_variable(size, "zeros", name="true_positives")
        self.false_positives = self.add_variable(size, "zeros", name="false_positives")
        self.true_negatives = self.add_variable(size, "zeros", name="true_negatives")
        self.false_negatives = self.add_variable(size, "zeros", name="false_negatives")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        counts = count_at(
            self.thresholds, y_true, y_pred, sample_weight, class_id=self.class_id, dtype=self.dtype
        )
        for kind in ("true_positives", "false_positives", "true_negatives", "false_negatives"):
            slot = getattr(self, kind)
            slot.assign(slot + getattr(counts, kind))

    def _sensitivity(self) -> Any:
        tp = self.true_positives.value
        return ps.divide_no_nan(tp, tp + self.false_negatives)

    def _specificity(self) -> Any:
        tn = self.true_negatives.value
        return ps.divide_no_nan(tn, tn + self.false_positives)

    def _precision(self) -> Any:
        tp = self.true_positives.value
        return ps.divide_no_nan(tp, tp + self.false_positives)

    def _best(self, wanted: Any, given: Any) -> Any:
        return ps.max(ps.where(given >= self.value, wanted, 0.0))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of."""
        own = {
            "num_thresholds": self.num_thresholds,
            self._what: self.value,
            "class_id": self.class_id,
        }
        return {**super().get_config(), **own}


class SensitivityAtSpecificity(_BestAt):
    """The best sensitivity where the specificity is large enough.

    Args:
        specificity: Large enough: from 0 to 1.
        num_thresholds: How many thresholds are tried.
        class_id: Which class alone counts.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: A number is out of range.

    >>> from penstock import keras
    >>> metric = keras.metrics.SensitivityAtSpecificity(0.6)
    >>> round(float(metric([0, 0, 0, 1, 1], [0.1, 0.3, 0.8, 0.4, 0.9])), 3)
    1.0
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("specificity", specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> Any:
        """Return the best so far."""
        return self._best(self._sensitivity(), self._specificity())


class SpecificityAtSensitivity(_BestAt):
    """The best specificity where the sensitivity is large enough.

    Args:
        sensitivity: Large enough: from 0 to 1.
        num_thresholds: How many thresholds are tried.
        class_id: Which class alone counts.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: A number is out of range.

    >>> from penstock import keras
    >>> metric = keras.metrics.SpecificityAtSensitivity(0.6)
    >>> round(float(metric([0, 0, 0, 1, 1], [0.1, 0.3, 0.8, 0.4, 0.9])), 3)
    0.667
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("sensitivity", sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> Any:
        """Return the best so far."""
        return self._best(self._specificity(), self._sensitivity())


class PrecisionAtRecall(_BestAt):
    """The best precision where the recall is large enough.

    Args:
        recall: Large enough: from 0 to 1.
        num_thresholds: How many thresholds are tried.
        class_id: Which class alone counts.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: A number is out of range.

    >>> from penstock import keras
    >>> metric = keras.metrics.PrecisionAtRecall(0.6)
    >>> round(float(metric([0, 0, 0, 1, 1], [0.1, 0.3, 0.8, 0.4, 0.9])), 3)
    0.667
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("recall", recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> Any:
        """Return the best so far."""
        return self._best(self._precision(), self._sensitivity())


class RecallAtPrecision(_BestAt):
    """The best recall where the precision is large enough.

    Args:
        precision: Large enough: from 0 to 1.
        num_thresholds: How many thresholds are tried.
        class_id: Which class alone counts.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: A number is out of range.

    >>> from penstock import keras
    >>> metric = keras.metrics.RecallAtPrecision(0.6)
    >>> round(float(metric([0, 0, 0, 1, 1], [0.1, 0.3, 0.8, 0.4, 0.9])), 3)
    1.0
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("precision", precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> Any:
        """Return the best so far."""
        return self._best(self._sensitivity(), self._precision())
