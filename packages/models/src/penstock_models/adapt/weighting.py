"""Classes with few examples, and examples held back to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError

LEAST = 2


def check_targets(targets: Sequence[int], labels: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return targets as numbers, if there is something to be learnt from them.

    Args:
        targets: The number of each example's label.
        labels: A word for each class.

    Returns:
        int64 [examples].

    Raises:
        ValueError: There is one class only, a class has fewer than two examples, or a number stands for no label.
    """
    numbers = np.asarray(targets, np.int64)
    if len(labels) < 2:
        raise InvalidValueError(
            f"[fit] got the labels {list(labels)}; there is nothing to tell apart with fewer than two: add examples of "
            "another class"
        )
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= len(labels)):
        raise InvalidValueError(
            f"[fit] got targets from {int(numbers.min())} to {int(numbers.max())}; there are {len(labels)} labels, numbered from 0"
        )
    counts = np.bincount(numbers, minlength=len(labels))
    if (counts < LEAST).any():
        few = [
            f"{label} has {count}"
            for label, count in zip(labels, counts, strict=True)
            if count < LEAST
        ]
        raise InvalidValueError(
            f"[fit] each class needs at least {LEAST} examples; {', '.join(few)}: add some, or leave the class out"
        )
    return numbers


def balanced(targets: np.ndarray[Any, Any], classes: int) -> np.ndarray[Any, Any]:
    """Return the weight of each class that makes all classes count the same: n / (classes · its count).

    Args:
        targets: [examples].
        classes: How many classes there are.

    Returns:
        float64 [classes].

    Raises:
        ValueError: Never here; a class without examples weighs as one with a single one.

    >>> balanced(np.array([0, 0, 0, 1]), 2)
    array([0.66666667, 2.        ])
    """
    counts = np.maximum(np.bincount(targets, minlength=classes), 1)
    weights: np.ndarray[Any, Any] = len(targets) / (classes * counts)
    return weights


def held_back(
    targets: np.ndarray[Any, Any], part: float, rng: np.random.Generator
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Split examples, so that both sides have every class.

    Args:
        targets: [examples].
        part: The part of each class that is held back; at least one example, and at least one stays.
        rng: Draws them.

    Returns:
        The places of those that stay and of those held back, each sorted.

    Raises:
        ValueError: Never here.
    """
    back: list[np.ndarray[Any, Any]] = []
    for label in np.unique(targets):
        places = rng.permutation(np.flatnonzero(targets == label))
        back.append(places[: min(max(1, round(part * len(places))), len(places) - 1)])
    out = np.sort(np.concatenate(back))
    return np.setdiff1d(np.arange(len(targets)), out), out


def epoch_order(
    targets: np.ndarray[Any, Any], sampled: bool, rng: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Return the places of an epoch's examples, shuffled.

    Args:
        targets: [examples].
        sampled: Whether each class is shown as often as the others; else each example once.
        rng: Draws them.

    Returns:
        int64 [examples].

    Raises:
        ValueError: Never here.
    """
    if not sampled:
        return rng.permutation(len(targets))
    chance = balanced(targets, int(targets.max()) + 1)[targets]
    return rng.choice(len(targets), len(targets), p=chance / chance.sum())
