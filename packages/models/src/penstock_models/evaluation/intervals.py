"""How far a measured share may be from the truth, because few examples were judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError

RESAMPLES = 2000
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Interval:
    """A measured number, and where 95 of 100 such measurements would hold the truth.

    Args:
        value: The number.
        low: The lower end.
        high: The upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def wilson(right: int, count: int, z: float = 1.959964) -> Interval:
    """Return a share with Wilson's interval, which holds for few examples too.

    The ends are the shares p for which |right/count - p| = z · sqrt(p (1 - p) / count).

    Args:
        right: How many of the examples have the property.
        count: How many examples there are.
        z: How many standard deviations: 1.96 for 95 %.

    Returns:
        The share and its interval.

    Raises:
        ValueError: There are no examples.

    >>> print(wilson(9, 10))
    0.900 (0.596 to 0.982)
    """
    if count < 1:
        raise InvalidValueError("[wilson] got no examples; give at least one")
    share = right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count)
    half *= math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Interval(share, 0.0 if right == 0 else low, 1.0 if right == count else high)


def bootstrap_counts(counts: Array, seed: int = 0, resamples: int = RESAMPLES) -> Array:
    """Draw examples with replacement, as often as there are, and count their kinds: many times.

    Drawing n examples of which `counts[i]` are of kind i is a multinomial draw, so no example is touched.

    Args:
        counts: [kinds], how many examples there are of each kind.
        seed: The same seed gives the same draws.
        resamples: How many times.

    Returns:
        [resamples, kinds], integers.

    Raises:
        ValueError: There are no examples.
    """
    total = int(counts.sum())
    if total < 1:
        raise InvalidValueError("[bootstrap] got no examples; give at least one")
    drawn: Array = np.random.default_rng(seed).multinomial(total, counts / total, size=resamples)
    return drawn


def percentiles(value: float, samples: Array) -> Interval:
    """Return a number with the middle 95 % of what resampling made of it.

    Raises:
        ValueError: Never here.
    """
    low, high = np.quantile(samples, (0.025, 0.975))
    return Interval(float(value), float(low), float(high))


def share_interval(right: Array, seed: int = 0) -> Interval:
    """Return the share of True with its bootstrap interval.

    If all are alike, drawing from them says nothing; the interval is Wilson's then.

    Args:
        right: [examples], bool.
        seed: The same seed gives the same interval.

    Returns:
        The share and its interval.

    Raises:
        ValueError: There are no examples.
    """
    count, hits = len(right), int(np.sum(right))
    if hits in (0, count):
        return wilson(hits, count)
    drawn = bootstrap_counts(np.array([hits, count - hits]), seed)
    return percentiles(hits / count, drawn[:, 0] / count)


def paired_difference(ours: Array, theirs: Array, seed: int = 0) -> Interval:
    """Return how much more often we are right than they, judged on the same examples.

    Args:
        ours: [examples], bool: where we are right.
        theirs: [examples], bool: where they are right.
        seed: The same seed gives the same interval.

    Returns:
        The difference of the two shares, with the interval of a bootstrap over pairs.

    Raises:
        ValueError: There are no examples, or not as many of one as of the other.

    >>> paired_difference(np.array([True, True, False]), np.array([True, False, False])).value
    0.3333333333333333
    """
    if len(ours) != len(theirs):
        raise InvalidValueError(
            f"[paired_difference] got {len(ours)} and {len(theirs)} answers; judge both on the same examples"
        )
    difference = np.asarray(ours, int) - np.asarray(theirs, int)
    counts = np.array([(difference == kind).sum() for kind in (-1, 0, 1)])
    drawn = bootstrap_counts(counts, seed)
    return percentiles(float(difference.mean()), (drawn[:, 2] - drawn[:, 0]) / len(difference))
