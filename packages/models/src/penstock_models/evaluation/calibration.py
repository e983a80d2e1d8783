"""Whether "90 % sure" is right nine times of ten, and a temperature that makes it so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError

Array = np.ndarray[Any, Any]

COLDEST, HOTTEST = 0.05, 20.0
SMALLEST = 1e-30  # what probability 0 counts as: a float32 softmax rounds down to 0


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence lies in one range.

    Args:
        low: The lower end of the range.
        high: The upper end.
        count: How many answers.
        confidence: Their mean confidence.
        accuracy: The share of right ones.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How confidence and accuracy go together.

    Args:
        bins: The ranges that hold answers, from low to high.
        error: The expected calibration error: |confidence - accuracy|, averaged over answers by range.
        loss: The mean of -log(probability of the right label).
    """

    bins: tuple[Bin, ...]
    error: float
    loss: float


def calibration(probabilities: Array, targets: Array, bins: int = 10) -> Calibration:
    """Compare how sure answers are with how often they are right.

    Args:
        probabilities: [examples, labels].
        targets: [examples], the right labels' numbers.
        bins: How many ranges of equal width the confidences from 0 to 1 are cut into.

    Returns:
        The ranges, and the error over all.

    Raises:
        ValueError: There are no examples.

    >>> sure = np.array([[0.9, 0.1], [0.9, 0.1]])
    >>> round(calibration(sure, np.array([0, 1])).error, 3)
    0.4
    """
    if len(targets) < 1:
        raise InvalidValueError("[calibration] got no examples; give at least one")
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    edges = np.linspace(0.0, 1.0, bins + 1)
    places = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    found = []
    for at in np.unique(places):
        own = places == at
        found.append(
            Bin(
                float(edges[at]),
                float(edges[at + 1]),
                int(own.sum()),
                float(confidence[own].mean()),
                float(right[own].mean()),
            )
        )
    error = sum(b.count * abs(b.confidence - b.accuracy) for b in found) / len(targets)
    own_label = probabilities[np.arange(len(targets)), targets]
    loss = float(-np.log(np.maximum(own_label, SMALLEST)).mean())
    return Calibration(tuple(found), float(error), loss)


def scaled(probabilities: Array, temperature: float) -> Array:
    """Return softmax(log(probabilities) / temperature): more careful above 1, surer below; the best label stays.

    Args:
        probabilities: [examples, labels].
        temperature: Above 0.

    Returns:
        float64 [examples, labels].

    Raises:
        ValueError: The temperature is not above 0.

    >>> scaled(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    if temperature <= 0:
        raise InvalidValueError(f"[scaled] got the temperature {temperature}; give one above 0")
    return _softmax(_logits(probabilities) / temperature)


def fit_temperature(probabilities: Array, targets: Array) -> float:
    """Return the temperature that suits held-out examples best.

    With z = log(probabilities) and b = 1 / temperature, Newton's method finds the least of

        mean over examples of  log sum exp(b z) - b (n z[target] + mean(z)) / (n + 1)

    which is convex in b. The share 1 / (n + 1) of an answer at random stands for what n examples could not show: without
    it, examples without a mistake would ask for boundless confidence.

    Args:
        probabilities: [examples, labels], of examples that the model was not trained on.
        targets: [examples], the right labels' numbers.

    Returns:
        A number between 0.05 and 20; 1.0 leaves everything as it is.

    Raises:
        ValueError: There are no examples.
    """
    n = len(targets)
    if n < 1:
        raise InvalidValueError("[fit_temperature] got no examples; give held-out ones")
    z = _logits(probabilities)
    wanted = float(((n * z[np.arange(n), targets] + z.mean(axis=1)) / (n + 1)).mean())
    low, high, b = 1 / HOTTEST, 1 / COLDEST, 1.0
    for _ in range(100):
        p = _softmax(b * z)
        mean = (p * z).sum(axis=1)
        slope = float(mean.mean()) - wanted
        bend = float(((p * z * z).sum(axis=1) - mean * mean).mean())
        low, high = (low, b) if slope > 0 else (b, high)
        following = b - slope / bend if bend > 0 else b
        if not low <= following <= high:  # a step too far: halve what is left
            following = (low + high) / 2
        if abs(following - b) < 1e-10:
            break
        b = following
    return 1 / b


def _logits(probabilities: Array) -> Array:
    found: Array = np.log(np.maximum(np.asarray(probabilities, np.float64), SMALLEST))
    return found


def _softmax(z: Array) -> Array:
    raised = np.exp(z - z.max(axis=1, keepdims=True))
    made: Array = raised / raised.sum(axis=1, keepdims=True)
    return made
