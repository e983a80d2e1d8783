"""How good a classifier is, from its probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError, ShapeError
from penstock_models.evaluation.calibration import Calibration, calibration
from penstock_models.evaluation.intervals import (
    Interval,
    bootstrap_counts,
    paired_difference,
    percentiles,
    share_interval,
)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ClassScore:
    """How well one label is told.

    Args:
        label: The label.
        precision: The share of right answers among those that name it; 0 if none does.
        recall: The share of its examples that are found; 0 if it has none.
        f1: 2 · precision · recall / (precision + recall); 0 if both are.
        support: How many examples have it.
        interval: The recall with its interval; None if it has no examples.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    interval: Interval | None


@dataclass(frozen=True)
class Mistake:
    """A wrong answer.

    Args:
        index: The example's place.
        target: The right label's number.
        answer: The answer's number.
        confidence: The answer's probability.
        given_to_target: The right label's probability.
    """

    index: int
    target: int
    answer: int
    confidence: float
    given_to_target: float


@dataclass(frozen=True)
class Abstention:
    """What is gained by answering only when sure.

    Args:
        coverage: [examples], the share of examples that are answered: 1/n, 2/n, ... 1, the surest first.
        accuracy: [examples], the share of right answers among them.
        threshold: [examples], the confidence of the least sure among them.
    """

    coverage: Array
    accuracy: Array
    threshold: Array

    def at(self, coverage: float) -> float:
        """Return the accuracy when this share of the examples is answered.

        Raises:
            ValueError: Never here; shares are rounded to whole examples.
        """
        place = round(coverage * len(self.coverage)) - 1
        return float(self.accuracy[min(max(place, 0), len(self.coverage) - 1)])


@dataclass(frozen=True)
class Evaluation:
    """A classifier's answers to examples whose labels are known; everything else follows from these.

    Args:
        probabilities: [examples, labels].
        targets: [examples], the right labels' numbers.
        labels: A word for each label.
        seed: Of the bootstrap.

    Raises:
        ShapeError: The arrays do not belong together.
        ValueError: There are no examples, or a number in `targets` is no label's.
    """

    probabilities: Array
    targets: Array
    labels: tuple[str, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        p, t = self.probabilities, self.targets
        if p.ndim != 2 or p.shape != (len(t), len(self.labels)):
            raise ShapeError(
                f"[evaluate] got probabilities of shape {p.shape} for {len(t)} targets and {len(self.labels)} labels; "
                "give a row for each example and a column for each label"
            )
        if not len(t):
            raise InvalidValueError("[evaluate] got no examples; give at least one")
        if t.min() < 0 or t.max() >= len(self.labels):
            raise InvalidValueError(
                f"[evaluate] got targets from {t.min()} to {t.max()}; labels have the numbers 0 to {len(self.labels) - 1}"
            )
        if not np.isfinite(p).all():
            raise InvalidValueError(
                "[evaluate] got probabilities that are no numbers; the training diverged: lower the learning rate"
            )

    @cached_property
    def answers(self) -> Array:
        """[examples], the number of the most probable label."""
        best: Array = self.probabilities.argmax(axis=1)
        return best

    @cached_property
    def right(self) -> Array:
        """[examples], where the answer is right."""
        same: Array = self.answers == self.targets
        return same

    @cached_property
    def confusion(self) -> Array:
        """[labels, labels]: how many examples of a row's label got the column's answer."""
        size = len(self.labels)
        pairs = np.bincount(self.targets * size + self.answers, minlength=size * size)
        return pairs.reshape(size, size)

    @cached_property
    def accuracy(self) -> Interval:
        """The share of right answers, with its interval."""
        return share_interval(self.right, self.seed)

    @cached_property
    def f1(self) -> Interval:
        """The mean of the labels' F1 (those that occur), with its bootstrap interval."""
        kinds, counts = np.unique(
            self.targets * len(self.labels) + self.answers, return_counts=True
        )
        rows, columns = np.divmod(kinds, len(self.labels))
        drawn = bootstrap_counts(counts, self.seed)
        samples = _mean_f1(drawn, rows, columns, len(self.labels))
        value = _mean_f1(counts[None], rows, columns, len(self.labels))[0]
        return percentiles(float(value), samples)

    @cached_property
    def classes(self) -> tuple[ClassScore, ...]:
        """How well each label is told."""
        return tuple(self._class_score(at) for at in range(len(self.labels)))

    def _class_score(self, at: int) -> ClassScore:
        hits = int(self.confusion[at, at])
        named, support = int(self.confusion[:, at].sum()), int(self.confusion[at].sum())
        own = self.targets == at
        return ClassScore(
            self.labels[at],
            hits / named if named else 0.0,
            hits / support if support else 0.0,
            2 * hits / (named + support) if named + support else 0.0,
            support,
            share_interval(self.right[own], self.seed) if support else None,
        )

    @cached_property
    def mistakes(self) -> tuple[Mistake, ...]:
        """All wrong answers, the surest first."""
        wrong = np.flatnonzero(~self.right)
        sure = self.probabilities[wrong, self.answers[wrong]]
        order = wrong[np.argsort(-sure, kind="stable")]
        return tuple(
            Mistake(
                int(i),
                int(self.targets[i]),
                int(self.answers[i]),
                float(self.probabilities[i, self.answers[i]]),
                float(self.probabilities[i, self.targets[i]]),
            )
            for i in order
        )

    @cached_property
    def calibration(self) -> Calibration:
        """How confidence and accuracy go together."""
        return calibration(self.probabilities, self.targets)

    @cached_property
    def abstention(self) -> Abstention:
        """What is gained by answering only when sure."""
        confidence = self.probabilities.max(axis=1)
        order = np.argsort(-confidence, kind="stable")
        ranks = np.arange(1, len(order) + 1)
        return Abstention(
            ranks / len(order), np.cumsum(self.right[order]) / ranks, confidence[order]
        )

    def against(self, other: Evaluation) -> Interval:
        """Return how much larger our accuracy is than another's on the same examples, with its interval.

        Raises:
            ValueError: The other was judged on other examples.
        """
        if not np.array_equal(self.targets, other.targets):
            raise InvalidValueError(
                "[evaluate] the two were judged on different examples; judge both on the same ones, in the same order"
            )
        return paired_difference(self.right, other.right, self.seed)


def evaluate(
    probabilities: Any, targets: Sequence[int] | Array, labels: Sequence[str], seed: int = 0
) -> Evaluation:
    """Judge a classifier by its probabilities.

    Args:
        probabilities: [examples, labels].
        targets: The number of each example's right label.
        labels: A word for each label.
        seed: Of the bootstrap: the same seed gives the same intervals.

    Returns:
        The evaluation.

    Raises:
        ShapeError: The arrays do not belong together.
        ValueError: There are no examples, or a target is no label's number.

    >>> made = evaluate([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], [0, 1, 1], ["no", "yes"])
    >>> print(made.accuracy)
    0.667 (0.000 to 1.000)
    >>> made.confusion.tolist(), [m.index for m in made.mistakes]
    ([[1, 0], [1, 1]], [2])
    """
    return Evaluation(
        np.asarray(probabilities, np.float64), np.asarray(targets, np.int64), tuple(labels), seed
    )


def _mean_f1(drawn: Array, rows: Array, columns: Array, size: int) -> Array:
    """Return the mean F1 of each draw; labels that occur in neither truth nor answers do not count."""
    hits = np.where(rows == columns, drawn, 0)
    support = np.stack([drawn[:, rows == at].sum(axis=1) for at in range(size)], axis=1)
    named = np.stack([drawn[:, columns == at].sum(axis=1) for at in range(size)], axis=1)
    found = np.stack([hits[:, rows == at].sum(axis=1) for at in range(size)], axis=1)
    seen = support + named > 0
    scores = 2 * found / np.maximum(support + named, 1)
    means: Array = scores.sum(axis=1) / seen.sum(axis=1)
    return means
