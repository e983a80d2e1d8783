"""Labels that are probably wrong, by what classifiers say that have not seen the example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock_models.adapt import logistic
from penstock_models.data.audit import Finding
from penstock_models.data.examples import Examples

Array = np.ndarray[Any, Any]
FOLDS = 5
# How sure the classifiers must be of another class, and how little they may believe in the one that is given.
LEAST_OTHER, MOST_GIVEN = 0.8, 0.1


@dataclass(frozen=True)
class Suspect:
    """An example whose label is probably wrong.

    Args:
        place: Which example.
        given: The number of its label.
        other: The number of the label that it probably deserves.
        confidence: How probable that one is.
    """

    place: int
    given: int
    other: int
    confidence: float


def out_of_fold(
    features: Array, targets: Array, classes: int, strength: float, seed: int = 0
) -> Array:
    """Return the probability of each label by classifiers that have learned from other examples.

    Args:
        features: [examples, width].
        targets: [examples].
        classes: How many classes there are.
        strength: How little the classifiers are held down, as in `adapt.logistic.solve`.
        seed: Divides the examples.

    Returns:
        [examples, classes].

    Raises:
        ValueError: The lengths differ.
    """
    order = np.random.default_rng([seed, 21]).permutation(len(targets))
    folds = np.zeros(len(targets), np.int64)
    for label in range(classes):
        own = order[targets[order] == label]
        folds[own] = np.arange(len(own)) % FOLDS
    made = np.zeros((len(targets), classes))
    for fold in range(FOLDS):
        out = folds == fold
        if not out.any() or out.all():
            continue
        found = logistic.solve(features[~out], targets[~out], classes, strength)
        logits = features[out] @ found.kernel + found.bias
        powers = np.exp(logits - logits.max(1, keepdims=True))
        made[out] = powers / powers.sum(1, keepdims=True)
    return made


def suspects(probabilities: Array, targets: Array) -> list[Suspect]:
    """Return the examples whose label is probably wrong, the surest first.

    After Northcutt, Jiang and Chuang, "Confident Learning" (2021): a class is believed where its probability is at least
    the mean over examples that carry its label.

    Args:
        probabilities: [examples, classes], out of fold.
        targets: [examples].

    Returns:
        The suspects.

    Raises:
        ValueError: Never here.

    >>> p = np.array([[0.9, 0.1], [0.95, 0.05], [0.1, 0.9], [0.97, 0.03]])
    >>> suspects(p, np.array([0, 0, 1, 1]))
    [Suspect(place=3, given=1, other=0, confidence=0.97)]
    """
    classes = probabilities.shape[1]
    usual = np.ones(classes)
    for label in np.unique(targets):
        usual[label] = probabilities[targets == label, label].mean()
    other = np.where(probabilities >= usual, probabilities, 0.0).argmax(1)
    rows = np.arange(len(targets))
    sure = probabilities[rows, other] >= np.maximum(usual[other], LEAST_OTHER)
    doubted = probabilities[rows, targets] <= np.minimum(usual[targets], MOST_GIVEN)
    places = np.flatnonzero((other != targets) & sure & doubted)
    found = [
        Suspect(int(i), int(targets[i]), int(other[i]), float(probabilities[i, other[i]]))
        for i in places
    ]
    return sorted(found, key=lambda suspect: (-suspect.confidence, suspect.place))


def finding_of(several: list[Suspect], examples: Examples) -> list[Finding]:
    """Return what to say about suspects: a finding, or none."""
    if not several:
        return []
    names = tuple(
        f"{examples.names[s.place]} is called {examples.labels[s.given]!r}, but looks like {examples.labels[s.other]!r} "
        f"({s.confidence:.0%})"
        for s in several
    )
    sentence = (
        f"Classifiers that have learned from the others are sure of another label for {len(several)} of {len(examples)} "
        "examples; look at these, and correct the labels that are wrong."
    )
    return [Finding("warning", sentence, names)]
