"""What trees are grown against: gradients and hessians of a loss by the raw scores, first guesses, and answers.

Scores are [outputs, rows], float64. A loss of a row and its weight are multiplied; without weights all are 1.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError

Array = np.ndarray[Any, Any]
Pairs = list[tuple[Array, Array]]
# Beyond, exp leaves float32.
HIGHEST = 80.0


class TreeLoss(Protocol):
    """A loss of boosted trees."""

    outputs: int
    renews: bool  # leaves are filled anew from what is left over in them

    def check(self, y: Array) -> None:
        """Raise ValueError where a label does not fit the loss."""

    def start(self, y: Array, weight: Array | None) -> Array:
        """Return the best scores that are the same for all rows, [outputs]."""

    def pairs(self, scores: Array, y: Array) -> Pairs:
        """Return for each output the gradients and the hessians, [rows] each, without weights."""

    def mean(self, scores: Array, y: Array, weight: Array | None) -> float:
        """Return the mean loss."""


def _mean(losses: Array, weight: Array | None) -> float:
    return float(np.average(losses, weights=weight))


class SquaredError:
    """Half the square of the error."""

    outputs, renews = 1, False

    def check(self, y: Array) -> None:
        """Take every number."""

    def start(self, y: Array, weight: Array | None) -> Array:
        """Return the mean."""
        return np.array([np.average(y, weights=weight)])

    def pairs(self, scores: Array, y: Array) -> Pairs:
        """Return the errors, and ones."""
        return [((scores[0] - y).astype(np.float32), np.ones(len(y), np.float32))]

    def mean(self, scores: Array, y: Array, weight: Array | None) -> float:
        """Return the mean."""
        return _mean(0.5 * np.square(scores[0] - y), weight)


class AbsoluteError:
    """The size of the error. Leaves take the median of what is left over in them."""

    outputs, renews = 1, True

    def check(self, y: Array) -> None:
        """Take every number."""

    def start(self, y: Array, weight: Array | None) -> Array:
        """Return the median."""
        return np.array([weighted_median(y, weight)])

    def pairs(self, scores: Array, y: Array) -> Pairs:
        """Return the signs of the errors, and ones."""
        return [(np.sign(scores[0] - y).astype(np.float32), np.ones(len(y), np.float32))]

    def mean(self, scores: Array, y: Array, weight: Array | None) -> float:
        """Return the mean."""
        return _mean(np.abs(scores[0] - y), weight)


class Poisson:
    """exp(score) - y · score: the score is the logarithm of a rate."""

    outputs, renews = 1, False

    def check(self, y: Array) -> None:
        """Refuse negative labels, and such as are all 0."""
        if (y < 0).any() or y.sum() <= 0:
            raise InvalidValueError(
                "[trees] loss='poisson' got labels that are negative, or all 0; expected counts; "
                "write loss='squared_error' for other labels"
            )

    def start(self, y: Array, weight: Array | None) -> Array:
        """Return the logarithm of the mean."""
        return np.array([np.log(np.average(y, weights=weight))])

    def pairs(self, scores: Array, y: Array) -> Pairs:
        """Return rate less label, and the rate."""
        rate = np.exp(np.minimum(scores[0], HIGHEST))
        return [((rate - y).astype(np.float32), rate.astype(np.float32))]

    def mean(self, scores: Array, y: Array, weight: Array | None) -> float:
        """Return the mean."""
        return _mean(np.exp(scores[0]) - y * scores[0], weight)


@ps.function
def _logistic(scores: Any, y: Any) -> Any:
    p = ps.sigmoid(scores)
    return p - y, p * (1.0 - p)


@ps.function
def _softmax(scores: Any, y: Any) -> Any:
    p = ps.nn.softmax(scores, axis=0)
    return p - y, p * (1.0 - p)


class Logistic:
    """The logistic loss of two classes, 0 and 1: the score is the logarithm of the odds of 1."""

    outputs, renews = 1, False

    def check(self, y: Array) -> None:
        """Take 0 and 1, which the classifier makes."""

    def start(self, y: Array, weight: Array | None) -> Array:
        """Return the logarithm of the odds."""
        p = np.clip(np.average(y, weights=weight), 1e-12, 1 - 1e-12)
        return np.array([np.log(p / (1 - p))])

    def pairs(self, scores: Array, y: Array) -> Pairs:
        """Return p - y, and p (1 - p)."""
        gradients, hessians = _logistic(scores[0].astype(np.float32), y.astype(np.float32))
        return [(gradients, hessians)]

    def mean(self, scores: Array, y: Array, weight: Array | None) -> float:
        """Return the mean."""
        return _mean(np.logaddexp(0, scores[0]) - y * scores[0], weight)


class Softmax:
    """The cross entropy of several classes, numbered from 0."""

    renews = False

    def __init__(self, classes: int) -> None:
        self.outputs = classes
        self._labels: tuple[Array, Array] | None = None

    def check(self, y: Array) -> None:
        """Take the numbers of classes, which the classifier makes."""

    def start(self, y: Array, weight: Array | None) -> Array:
        """Return the logarithms of the classes' shares, moved to a mean of 0."""
        counts = np.bincount(y.astype(np.int64), weights=weight, minlength=self.outputs)
        logs = np.log(np.clip(counts / counts.sum(), 1e-12, 1.0))
        return np.asarray(logs - logs.mean())

    def pairs(self, scores: Array, y: Array) -> Pairs:
        """Return p less 1 for the label's class, and p (1 - p)."""
        made = _softmax(scores.astype(np.float32), self._one_hot(y))
        gradients, hessians = (t.numpy() for t in made)
        return list(zip(gradients, hessians, strict=True))

    def mean(self, scores: Array, y: Array, weight: Array | None) -> float:
        """Return the mean."""
        high = scores.max(0)
        logs = high + np.log(np.exp(scores - high).sum(0))
        return _mean(logs - scores[y.astype(np.int64), np.arange(len(y))], weight)

    def _one_hot(self, y: Array) -> Array:
        if self._labels is None or self._labels[0] is not y:
            made = np.zeros((self.outputs, len(y)), np.float32)
            made[y.astype(np.int64), np.arange(len(y))] = 1.0
            self._labels = (y, made)
        return self._labels[1]


def weighted_median(values: Array, weight: Array | None) -> float:
    """Return the middle one of values, the lower of two if both are; by weights if there are any."""
    if weight is None:
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(running, 0.5 * running[-1])]])
