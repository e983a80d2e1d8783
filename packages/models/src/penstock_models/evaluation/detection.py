"""How good a detector is: average precision by the rules of COCO and VOC, and its mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_models.data import Boxes
from penstock_models.evaluation.boxes import Found, Rules, match, overlaps
from penstock_models.evaluation.intervals import Interval, percentiles

Array = np.ndarray[Any, Any]

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
MOST_ON_A_PICTURE = 100
RECALLS = np.linspace(0.0, 1.0, 101)
RESAMPLES = 300


@dataclass(frozen=True)
class DetectionScore:
    """How well the things of one label are found.

    Args:
        label: The label.
        ap50: Average precision where boxes must overlap by half; None if there are no such things.
        ap: The mean of average precisions at overlaps of 0.5, 0.55, ... 0.95.
        things: How many there are.
        found: How many boxes name it with a score of at least `least`.
    """

    label: str
    ap50: float | None
    ap: float | None
    things: int
    found: int


@dataclass(frozen=True)
class DetectionMistake:
    """Something that went wrong on a picture.

    Args:
        index: The picture's place.
        kind: "missed": a thing without a box; "false alarm": a box without a thing; "wrong label": a box on a thing of
            another label.
        label: The label of the thing that was missed, or of the box that is wrong.
        score: The box's score; 1 for what was missed.
        box: (left, top, right, bottom).
    """

    index: int
    kind: str
    label: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class DetectionEvaluation:
    """A detector's boxes on pictures whose things are known; everything else follows from these.

    Args:
        found: What it found on each picture, from a low score on: average precision needs unsure boxes too.
        targets: What is on each picture.
        labels: A word for each label.
        seed: Of the bootstrap.
        least: The score from which a box counts as a mistake when it is wrong, and as found when it is right.

    Raises:
        ValueError: There are no pictures, or not as many of one as of the other.
    """

    found: tuple[Found, ...]
    targets: tuple[Boxes, ...]
    labels: tuple[str, ...]
    seed: int = 0
    least: float = 0.3

    def __post_init__(self) -> None:
        """Refuse lists that do not belong together."""
        if len(self.found) != len(self.targets) or not self.found:
            raise InvalidValueError(
                f"[evaluate] got what was found on {len(self.found)} pictures, and what is on {len(self.targets)}; give "
                "both for every picture, and at least one"
            )

    def average_precision(self, label: int, least: float, rules: Rules = "coco") -> float | None:
        """Return the average precision of a label's boxes.

        COCO: the mean of the precision at 101 recalls from 0 to 1, where precision at a recall is the best at that
        recall or a higher one, and 100 boxes a picture count. VOC: the area below that curve.

        Args:
            label: The label's number.
            least: The overlap that counts as found.
            rules: "coco" or "voc".

        Returns:
            A number from 0 to 1; None if no picture has such a thing.

        Raises:
            ValueError: Never here.
        """
        return _precision_of(
            [self._hits(i, label, least, rules) for i in range(len(self.found))], rules
        )

    def _hits(
        self, picture: int, label: int, least: float, rules: Rules
    ) -> tuple[Array, Array, int]:
        """Return the scores of a label's boxes on a picture, which of them are right, and how many things there are."""
        found, true = self.found[picture], self.targets[picture]
        own = np.flatnonzero(np.asarray(found.classes) == label)
        scores = np.asarray(found.scores, np.float64)[own]
        order = np.argsort(-scores, kind="stable")[:MOST_ON_A_PICTURE]
        things = np.asarray(true.corners).reshape(-1, 4)[np.asarray(true.classes) == label]
        matched = match(np.asarray(found.corners).reshape(-1, 4)[own[order]], things, least, rules)
        return scores[order], matched >= 0, len(things)

    @cached_property
    def classes(self) -> tuple[DetectionScore, ...]:
        """How well each label's things are found."""
        return tuple(self._class_score(at) for at in range(len(self.labels)))

    def _class_score(self, at: int) -> DetectionScore:
        values = [self.average_precision(at, least) for least in THRESHOLDS]
        known = [value for value in values if value is not None]
        return DetectionScore(
            self.labels[at],
            values[0],
            float(np.mean(known)) if known else None,
            sum(int((np.asarray(t.classes) == at).sum()) for t in self.targets),
            sum(int(((f.classes == at) & (f.scores >= self.least)).sum()) for f in self.found),
        )

    @cached_property
    def ap50(self) -> Interval:
        """The mean of the labels' AP50 (those that occur), with the interval of a bootstrap over pictures."""
        rows = [
            [self._hits(i, label, 0.5, "coco") for i in range(len(self.found))]
            for label in range(len(self.labels))
        ]
        value = _mean_of_labels(rows)
        rng = np.random.default_rng(self.seed)
        samples = [
            _mean_of_labels([[row[i] for i in picked] for row in rows])
            for picked in rng.integers(0, len(self.found), (RESAMPLES, len(self.found)))
        ]
        return percentiles(value, np.array(samples))

    @cached_property
    def ap(self) -> float:
        """The mean of the labels' AP at overlaps from 0.5 to 0.95."""
        known = [score.ap for score in self.classes if score.ap is not None]
        return float(np.mean(known)) if known else 0.0

    @cached_property
    def mistakes(self) -> tuple[DetectionMistake, ...]:
        """What went wrong, at an overlap of one half: things that were missed, then wrong boxes, the surest first."""
        made = [m for i in range(len(self.found)) for m in self._mistakes_on(i)]
        return tuple(sorted(made, key=lambda m: -m.score))

    def _mistakes_on(self, picture: int) -> list[DetectionMistake]:
        found, true = self.found[picture], self.targets[picture]
        scores = np.asarray(found.scores, np.float64)
        sure = np.flatnonzero(scores >= self.least)
        sure = sure[np.argsort(-scores[sure], kind="stable")]
        corners = np.asarray(found.corners).reshape(-1, 4)
        things, kinds = np.asarray(true.corners).reshape(-1, 4), np.asarray(true.classes)
        seen, made = set[int](), []
        for label in range(len(self.labels)):
            boxes = sure[np.asarray(found.classes)[sure] == label]
            own = np.flatnonzero(kinds == label)
            matched = match(corners[boxes], things[own], 0.5)
            seen |= {int(own[m]) for m in matched if m >= 0}
            for box in boxes[matched < 0]:
                other = bool((overlaps(corners[[box]], things[kinds != label]) >= 0.5).any())
                kind = "wrong label" if other else "false alarm"
                made.append(self._mistake(picture, kind, label, float(scores[box]), corners[box]))
        missed = [i for i in range(len(things)) if i not in seen]
        return made + [
            self._mistake(picture, "missed", int(kinds[i]), 1.0, things[i]) for i in missed
        ]

    def _mistake(
        self, picture: int, kind: str, label: int, score: float, box: Array
    ) -> DetectionMistake:
        left, top, right, bottom = (float(x) for x in box)
        return DetectionMistake(
            picture, kind, self.labels[label], score, (left, top, right, bottom)
        )


def evaluate_detection(
    found: Sequence[Found],
    targets: Sequence[Boxes],
    labels: Sequence[str],
    seed: int = 0,
    least: float = 0.3,
) -> DetectionEvaluation:
    """Judge a detector by the boxes it found.

    Args:
        found: What it found on each picture, from a low score on.
        targets: What is on each picture.
        labels: A word for each label.
        seed: Of the bootstrap.
        least: The score from which a wrong box counts as a mistake.

    Returns:
        The evaluation.

    Raises:
        ValueError: There are no pictures, or not as many of one as of the other.

    >>> box = np.array([[0.1, 0.1, 0.5, 0.5]])
    >>> made = evaluate_detection([Found(box, np.array([0.9]), np.array([0]))], [Boxes(box, np.array([0]))], ["cat"])
    >>> made.ap50.value, made.ap
    (1.0, 1.0)
    """
    return DetectionEvaluation(tuple(found), tuple(targets), tuple(labels), seed, least)


def _mean_of_labels(rows: list[list[tuple[Array, Array, int]]]) -> float:
    values = [_precision_of(row, "coco") for row in rows]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else 0.0


def _precision_of(pictures: list[tuple[Array, Array, int]], rules: Rules) -> float | None:
    things = sum(count for _, _, count in pictures)
    if not things:
        return None
    scores = np.concatenate([s for s, _, _ in pictures])
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(np.concatenate([right for _, right, _ in pictures])[order])
    recall = hits / things
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]  # the best at this recall or a higher one
    if rules == "voc":
        return float((np.diff(recall, prepend=0.0) * best).sum())
    places = np.searchsorted(recall, RECALLS, side="left")
    reached = places < len(best)
    return (
        float(np.where(reached, best[np.minimum(places, len(best) - 1)], 0.0).mean())
        if len(best)
        else 0.0
    )
