"""Decides whose answers may be timed: those that agree with the most others."""

from __future__ import annotations

import numpy as np


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return how far two answers are apart, as a part of the largest finite number in them."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    a, b = a.astype(np.float64), b.astype(np.float64)
    scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0)) or 1.0
    return float(np.abs(a - b).max(initial=0) / scale)


def compare(answers: dict[str, np.ndarray], tolerance: float) -> dict[str, float]:
    """Return each candidate's distance to the reference: the answer that most others agree with.

    Args:
        answers: By candidate.
        tolerance: Up to what distance answers agree.
    """
    if not answers:
        return {}
    between = {a: {b: distance(answers[a], answers[b]) for b in answers} for a in answers}
    friends = {a: sum(d <= tolerance for d in row.values()) for a, row in between.items()}
    return between[max(friends, key=lambda name: friends[name])]
