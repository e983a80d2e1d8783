"""Counts of right and wrong answers; precision and recall."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.metrics.metric import Metric
from penstock_keras_api.metrics.thresholds import as_thresholds, count_at


class _Count(Metric):
    """A count at thresholds; subclasses say of what."""

    _kind = ""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.thresholds = as_thresholds(type(self).__name__, thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        counts = count_at(self.thresholds, y_true, y_pred, sample_weight, dtype=self.dtype)
        self.accumulator.assign(self.accumulator + getattr(counts, self._kind))

    def result(self) -> Any:
        """Return the count so far, of each threshold if there are several."""
        return self.accumulator.value[0] if len(self.thresholds) == 1 else self.accumulator.value

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


class FalsePositives(_Count):
    """How many predictions above the threshold are wrong.

    Args:
        thresholds: One or several, from 0 to 1; 0.5 by default.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: A threshold is out of range.

    >>> from penstock import keras
    >>> float(keras.metrics.FalsePositives()([1, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2]))
    1.0
    """

    _kind = "false_positives"


class FalseNegatives(_Count):
    """How many predictions not above the threshold are wrong.

    Args:
        thresholds: One or several, from 0 to 1; 0.5 by default.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: A threshold is out of range.

    >>> from penstock import keras
    >>> float(keras.metrics.FalseNegatives()([1, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2]))
    1.0
    """

    _kind = "false_negatives"


class TrueNegatives(_Count):
    """How many predictions not above the threshold are right.

    Args:
        thresholds: One or several, from 0 to 1; 0.5 by default.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: A threshold is out of range.

    >>> from penstock import keras
    >>> float(keras.metrics.TrueNegatives()([1, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2]))
    1.0
    """

    _kind = "true_negatives"


class TruePositives(_Count):
    """How many predictions above the threshold are right.

    Args:
        thresholds: One or several, from 0 to 1; 0.5 by default.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: A threshold is out of range.

    >>> from penstock import keras
    >>> float(keras.metrics.TruePositives()([1, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2]))
    2.0
    """

    _kind = "true_positives"


class _Ratio(Metric):
    """True positives among something; subclasses say what."""

    _other = ""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self._direction = "up"
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        default = 0.5 if top_k is None else float("-inf")
        self.thresholds = as_thresholds(type(self).__name__, thresholds, default)
        size = (len(self.thresholds),)
        self.true_positives = self.add_variable(size, "zeros", name="true_positives")
        self._others = self.add_variable(size, "zeros", name=self._other)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        counts = count_at(
            self.thresholds, y_true, y_pred, sample_weight,
            top_k=self.top_k, class_id=self.class_id, dtype=self.dtype,
        )  # fmt: skip
        self.true_positives.assign(self.true_positives + counts.true_positives)
        self._others.assign(self._others + getattr(counts, self._other))

    def result(self) -> Any:
        """Return the ratio so far, of each threshold if there are several."""
        found = ps.divide_no_nan(self.true_positives.value, self.true_positives + self._others)
        return found[0] if len(self.thresholds) == 1 else found

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of."""
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_Ratio):
    """Which part of the positive predictions is right.

    Args:
        thresholds: Above which a prediction is positive: one or several, from 0 to 1; 0.5 by default.
        top_k: How many of the largest predictions of a sample count, with any value; None for all above the threshold.
        class_id: Which class alone counts.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: A threshold is out of range.

    >>> from penstock import keras
    >>> round(float(keras.metrics.Precision()([1, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2])), 3)
    0.667
    """

    _other = "false_positives"

    @property
    def false_positives(self) -> Any:
        """How many there are of these so far."""
        return self._others


class Recall(_Ratio):
    """Which part of the positive labels is found.

    Args:
        thresholds: Above which a prediction is positive: one or several, from 0 to 1; 0.5 by default.
        top_k: How many of the largest predictions of a sample count, with any value; None for all above the threshold.
        class_id: Which class alone counts.
        name: A name.
        dtype: The dtype of the result.

    Raises:
        ValueError: A threshold is out of range.

    >>> from penstock import keras
    >>> round(float(keras.metrics.Recall()([1, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2])), 3)
    0.667
    """

    _other = "false_negatives"

    @property
    def false_negatives(self) -> Any:
        """How many there are of these so far."""
        return self._others
