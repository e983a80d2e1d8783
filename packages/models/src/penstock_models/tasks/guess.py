"""What a classifier says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Guess:
    """A label, and how probable it is.

    Args:
        label: The label.
        score: Its probability.
        index: Its number.
    """

    label: str
    score: float
    index: int

    def __str__(self) -> str:
        return f"{self.label} {self.score:.3f}"


def best_of(
    probabilities: np.ndarray[Any, Any], labels: Sequence[str], top: int
) -> list[list[Guess]]:
    """Return the most probable labels of each row, the best first.

    Args:
        probabilities: [rows, labels].
        labels: A word for each column.
        top: How many.

    Returns:
        A list of guesses for each row.

    Raises:
        IndexError: There are more columns than labels.

    >>> [str(guess) for guess in best_of(np.array([[0.2, 0.8]]), ["no", "yes"], 1)[0]]
    ['yes 0.800']
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    return [
        [Guess(labels[i], float(row[i]), int(i)) for i in places]
        for row, places in zip(probabilities, order, strict=True)
    ]
