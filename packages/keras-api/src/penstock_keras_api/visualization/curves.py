"""The numbers behind the pictures: how predictions compare with the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import InvalidValueError, ShapeError

Array = np.ndarray[Any, Any]


def confusion_matrix(y_true: Any, y_pred: Any, num_classes: int | None = None) -> Array:
    """Count how often each class was taken for each.

    Args:
        y_true: Labels [n], or one-hot [n, classes].
        y_pred: Labels [n], or probabilities [n, classes], or probabilities of class 1 [n, 1].
        num_classes: How many classes there are; None for as many as occur.

    Returns:
        Counts [classes, classes] in int64; rows are the truth, columns the predictions.

    Raises:
        ValueError: The lengths differ, or a label is out of range.

    >>> confusion_matrix([0, 1, 1], [0, 0, 1]).tolist()
    [[1, 0], [1, 1]]
    """
    truth, guess = as_labels(y_true), as_labels(y_pred)
    _same_length(truth, guess)
    most = int(max(truth.max(), guess.max())) + 1
    # Columns of probabilities tell of classes that do not occur.
    known = max((np.shape(a)[1] for a in (y_true, y_pred) if np.ndim(a) == 2), default=2)
    count = num_classes if num_classes is not None else max(most, known if known > 1 else 2)
    least = int(min(truth.min(), guess.min()))
    if most > count or least < 0:
        raise InvalidValueError(
            f"[confusion_matrix] labels go from {least} to {most - 1}; expected 0 to {count - 1}; give num_classes={most}"
        )
    return np.bincount(truth * count + guess, minlength=count * count).reshape(count, count)


def roc_curve(y_true: Any, y_score: Any) -> tuple[Array, Array, Array]:
    """Follow what share of each class scores above a threshold, as the threshold falls.

    Args:
        y_true: 0 or 1, [n].
        y_score: Scores [n]; higher for class 1.

    Returns:
        False positive rates, true positive rates and thresholds, [points]; the first threshold is infinite.

    Raises:
        ValueError: The lengths differ, a label is not 0 or 1, or one class is missing.

    >>> false, true, _ = roc_curve([0, 1, 0, 1], [0.1, 0.4, 0.5, 0.9])
    >>> false.tolist(), true.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    false, true, thresholds = _counts(y_true, y_score, "roc_curve")
    if (
        len(false) > 2
    ):  # points on a straight line between their neighbours add nothing to the picture
        turns = np.diff(false, 2).astype(bool) | np.diff(true, 2).astype(bool)
        false, true, thresholds = (a[np.r_[True, turns, True]] for a in (false, true, thresholds))
    return (
        np.r_[0.0, false / false[-1]],
        np.r_[0.0, true / true[-1]],
        np.r_[np.inf, thresholds],
    )


def area(x: Array, y: Array) -> float:
    """Return the area under a curve of straight pieces.

    Args:
        x: Where the points are, ascending or descending, [points].
        y: How high they are, [points].

    Returns:
        The area.

    Raises:
        Nothing.

    >>> area(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    0.5
    """
    return float(abs(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)))


def precision_recall_curve(y_true: Any, y_score: Any) -> tuple[Array, Array, Array]:
    """Follow precision and recall as the threshold rises.

    Args:
        y_true: 0 or 1, [n].
        y_score: Scores [n]; higher for class 1.

    Returns:
        Precisions and recalls [points], which end at 1 and 0, and thresholds [points - 1].

    Raises:
        ValueError: The lengths differ, a label is not 0 or 1, or one class is missing.

    >>> precision, recall, _ = precision_recall_curve([0, 1, 1], [0.1, 0.4, 0.9])
    >>> precision.round(2).tolist(), recall.tolist()
    ([0.67, 1.0, 1.0, 1.0], [1.0, 1.0, 0.5, 0.0])
    """
    false, true, thresholds = _counts(y_true, y_score, "precision_recall_curve")
    precision, recall = true / (true + false), true / true[-1]
    return np.r_[precision[::-1], 1.0], np.r_[recall[::-1], 0.0], thresholds[::-1]


def average_precision(precision: Array, recall: Array) -> float:
    """Return the mean precision over all recalls, without drawing lines between points.

    Args:
        precision: As `precision_recall_curve` gives them, [points].
        recall: Likewise.

    Returns:
        A number from 0 to 1.

    Raises:
        Nothing.

    >>> average_precision(np.array([0.5, 1.0, 1.0]), np.array([1.0, 0.5, 0.0]))
    0.75
    """
    return float(-np.sum(np.diff(recall) * precision[:-1]))


def calibration_curve(
    y_true: Any, y_prob: Any, bins: int = 10, strategy: str = "uniform"
) -> tuple[Array, Array, Array]:
    """Compare probabilities with how often class 1 occurs among samples of about that probability.

    Args:
        y_true: 0 or 1, [n].
        y_prob: Probabilities of class 1, [n].
        bins: How many groups to make.
        strategy: "uniform" for groups of equal width, "quantile" for groups of equally many samples.

    Returns:
        The share of class 1, the mean probability and the number of samples of each group that is not empty.

    Raises:
        ValueError: A probability is out of range, or there is no such strategy, or no group.

    >>> share, mean, counts = calibration_curve([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8], bins=2)
    >>> share.tolist(), mean.round(2).tolist(), counts.tolist()
    ([0.0, 1.0], [0.15, 0.7], [2, 2])
    """
    truth, prob = _binary(y_true, y_prob, "calibration_curve")
    if prob.min() < 0 or prob.max() > 1:
        raise InvalidValueError(
            f"[calibration_curve] got probabilities from {prob.min():.4g} to {prob.max():.4g}; expected 0 to 1; "
            "apply keras.ops.sigmoid to logits first"
        )
    if strategy not in ("uniform", "quantile") or bins < 1:
        raise InvalidValueError(
            f"[calibration_curve] got strategy={strategy!r} and bins={bins}; expected 'uniform' or 'quantile', and at "
            "least 1 bin"
        )
    at = np.linspace(0, 1, bins + 1)
    edges = np.percentile(prob, at * 100) if strategy == "quantile" else at
    group = np.searchsorted(edges[1:-1], prob)
    counts = np.bincount(group, minlength=bins)
    full = counts > 0
    share = np.bincount(group, truth, bins)[full] / counts[full]
    return share, np.bincount(group, prob, bins)[full] / counts[full], counts[full]


def as_labels(given: Any) -> Array:
    """Return labels [n] in int64, of labels, one-hot rows, probabilities of classes, or of class 1.

    Args:
        given: [n], [n, 1] or [n, classes].

    Returns:
        int64 [n].

    Raises:
        ValueError: There are no samples, too many axes, or numbers that are no labels.

    >>> as_labels([[0.2, 0.8], [0.9, 0.1]]).tolist()
    [1, 0]
    """
    values = np.asarray(given)
    if values.ndim == 2 and values.shape[1] > 1:
        return np.asarray(values.argmax(1))
    values = _flat(values)
    if values.dtype.kind != "f" or np.array_equal(values, np.round(values)):
        return values.astype(np.int64)
    if values.min() < 0 or values.max() > 1:
        raise InvalidValueError(
            f"[visualization] got numbers such as {values[0]!r}; expected labels, or probabilities from 0 to 1: apply "
            "keras.ops.sigmoid or argmax first"
        )
    return (values > 0.5).astype(np.int64)


def _flat(values: Array) -> Array:
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or not len(values):
        raise ShapeError(
            f"[visualization] got an array of shape {values.shape}; expected [n] or [n, 1], with at least one sample"
        )
    return values


def _same_length(a: Array, b: Array) -> None:
    if len(a) != len(b):
        raise ShapeError(
            f"[visualization] got {len(a)} labels and {len(b)} predictions; give as many of each"
        )


def _binary(y_true: Any, y_score: Any, what: str) -> tuple[Array, Array]:
    truth = _flat(np.asarray(y_true)).astype(np.float64)
    score = _flat(np.asarray(y_score)).astype(np.float64)
    _same_length(truth, score)
    if not np.isin(truth, (0, 1)).all():
        raise InvalidValueError(
            f"[{what}] got labels from {truth.min():g} to {truth.max():g}; expected 0 and 1; for several classes compare "
            "one with the rest: y_true == k, y_score[:, k]"
        )
    if not np.isfinite(score).all():
        raise InvalidValueError(
            f"[{what}] there are NaN or infinity among the scores; drop these rows or mend the model"
        )
    return truth, score


def _counts(y_true: Any, y_score: Any, what: str) -> tuple[Array, Array, Array]:
    """Count samples of class 0 and of class 1 at or above every score, from the highest on."""
    truth, score = _binary(y_true, y_score, what)
    if truth.min() == truth.max():
        raise InvalidValueError(
            f"[{what}] all labels are {truth[0]:g}; the curve needs samples of both classes"
        )
    order = np.argsort(-score, kind="stable")
    truth, score = truth[order], score[order]
    last = np.r_[np.flatnonzero(np.diff(score)), len(score) - 1]  # of equal scores
    true = np.cumsum(truth)[last]
    return 1 + last - true, true, score[last]
