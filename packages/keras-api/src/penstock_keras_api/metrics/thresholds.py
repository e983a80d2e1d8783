"""Counts of right and wrong answers at thresholds, which many metrics are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api.losses.loss import squeeze_or_expand_to_same_rank

_NEARLY: Final = 3e-7  # the outer thresholds of some metrics lie just beyond 0 and 1


@dataclass(frozen=True)
class Counts:
    """How many answers are positive and right, positive and wrong, and so on: one number for each threshold."""

    true_positives: Any
    false_positives: Any
    true_negatives: Any
    false_negatives: Any


def as_thresholds(metric: str, given: Any, default: float = 0.5) -> list[float]:
    """Return thresholds as a list.

    Raises:
        ValueError: One is not from 0 to 1.
    """
    if given is None:
        return [default]
    thresholds = list(given) if isinstance(given, Sequence | np.ndarray) else [given]
    wrong = [t for t in thresholds if t is None or not 0 <= t <= 1]
    if wrong:
        raise InvalidValueError(f"[{metric}] got the thresholds {wrong}; use numbers from 0 to 1")
    return thresholds


def even_thresholds(count: int) -> list[float]:
    """Return so many thresholds from 0 to 1."""
    return [0.5] if count == 1 else [i / (count - 1) for i in range(count)]


def are_even(thresholds: Sequence[float]) -> bool:
    """Whether thresholds go from 0 to 1 in equal steps; then samples are counted by buckets."""
    if len(thresholds) < 3:
        return False
    ends, steps = (thresholds[0], thresholds[-1] - 1.0), np.diff(thresholds)
    return bool(np.max(np.abs(ends)) <= _NEARLY and np.ptp(steps) <= _NEARLY)


def count_at(
    thresholds: Sequence[float],
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    top_k: int | None = None,
    class_id: int | None = None,
    label_weights: Any = None,
    by_label: bool = False,
    dtype: str = "float32",
) -> Counts:
    """Count right and wrong answers at thresholds; an answer is positive above the threshold.

    Args:
        thresholds: Numbers.
        y_true: Labels: zero or not.
        y_pred: Predictions, from 0 to 1.
        sample_weight: A weight for each sample, or for each value.
        top_k: How many of the predictions of a sample count; None for all.
        class_id: Which class alone counts.
        label_weights: A weight for each label.
        by_label: Whether labels are counted apart: [thresholds, labels].
        dtype: The dtype of the counts.

    Returns:
        The counts.

    Raises:
        ValueError: A class is asked for where there are none.
    """
    y_true, y_pred = (ps.cast(ps.asarray(t), dtype) for t in (y_true, y_pred))
    y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
    weight = ps.ones_like(y_pred)
    if sample_weight is not None:
        given = ps.cast(ps.asarray(sample_weight), dtype)
        while given.ndim and given.ndim < y_pred.ndim:
            given = ps.expand_dims(given, -1)
        weight = weight * given
    if label_weights is not None:
        weight = weight * ps.expand_dims(ps.cast(ps.asarray(label_weights), dtype), 0)
    if top_k is not None:
        y_pred = _only_largest(y_pred, top_k)
    if class_id is not None:
        if y_pred.ndim < 2:
            raise ShapeError(
                f"[metric] got class_id={class_id} and predictions of shape {y_pred.shape}; give [batch, classes]"
            )
        y_true, y_pred, weight = (t[..., class_id : class_id + 1] for t in (y_true, y_pred, weight))
    right = ps.where(y_true != 0.0, weight, 0.0)
    count = _by_buckets if are_even(thresholds) else _by_comparison
    labels = int(y_pred.shape[-1]) if by_label else 1
    shape = (-1, labels)
    y_pred, right, wrong = (ps.reshape(t, shape) for t in (y_pred, right, weight - right))
    tp, fp = count(y_pred, right, thresholds), count(y_pred, wrong, thresholds)
    tn, fn = ps.sum(wrong, 0) - fp, ps.sum(right, 0) - tp
    made = (tp, fp, tn, fn)
    return Counts(*made) if by_label else Counts(*(ps.squeeze(t, -1) for t in made))


def _by_comparison(y_pred: Any, weight: Any, thresholds: Sequence[float]) -> Any:
    """Add weights above each threshold, by comparing all: [thresholds, labels]."""
    limits = ps.reshape(ps.asarray(np.asarray(thresholds, np.float32)), (-1, 1, 1))
    above = ps.expand_dims(y_pred, 0) > ps.cast(limits, y_pred.dtype)
    return ps.sum(ps.where(above, ps.expand_dims(weight, 0), 0.0), 1)


def _by_buckets(y_pred: Any, weight: Any, thresholds: Sequence[float]) -> Any:
    """Add weights above each threshold, by sorting into buckets between them: [thresholds, labels]."""
    count, labels = len(thresholds), int(y_pred.shape[-1])
    # A prediction in bucket i is above the thresholds 0 to i - 1.
    bucket = ps.ceil(ps.clip(y_pred, 0.0, 1.0) * float(count - 1))
    if thresholds[0] < 0.0:
        bucket = ps.maximum(bucket, 1.0)
    offset = ps.asarray(np.arange(labels, dtype=np.int32) * count)
    place = ps.reshape(ps.cast(bucket, "int32") + offset, (-1,))
    sums = ps.segment_sum(ps.reshape(weight, (-1,)), place, labels * count)
    sums = ps.reshape(sums, (labels, count))
    return ps.matrix_transpose(ps.cumsum(sums, 1, exclusive=True, reverse=True))


def _only_largest(y_pred: Any, k: int) -> Any:
    """Put all predictions but the k largest of each sample below all thresholds."""
    largest, where = ps.top_k(y_pred, k)
    nothing = ps.full_like(y_pred, -np.inf)
    return ps.put_along_axis(nothing, where, largest, -1)
