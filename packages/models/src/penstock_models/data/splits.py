"""Examples to learn from, to choose by, and to judge by."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock_models.data.examples import Examples, Kind
from penstock_models.data.found import Found, Part, Skipped
from penstock_models.data.survey import Facts

TEST, VALIDATION = 0.2, 0.15
# Fewer groups than this, and a class is only learned: there is nothing to judge it by.
LEAST_GROUPS = 3


@dataclass(frozen=True)
class Leak:
    """An example that was left out of training, because a part that judges has the same one.

    Args:
        name: The example.
        part: Where it was.
        same_as: The name of the example that is the same.
        there: The part where that one is.
    """

    name: str
    part: Part
    same_as: str
    there: Part


@dataclass(frozen=True)
class Splits:
    """A user's data: divided, with what there is to say about it.

    Args:
        path: Where the data is.
        train: What is learned from.
        validation: What epochs and strategies are chosen by.
        test: What the report is about; seen once, at the end.
        notes: What was decided while reading, in sentences.
        skipped: What could not be used.
        leaks: What was left out of training.
        facts: What is known about each example, by its name.
        groups: For each name that of the first example that is the same.
    """

    path: Path
    train: Examples
    validation: Examples
    test: Examples
    notes: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    leaks: tuple[Leak, ...] = ()
    facts: Mapping[str, Facts] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """What the examples are."""
        return self.train.kind

    @property
    def labels(self) -> tuple[str, ...]:
        """A word for each class."""
        return self.train.labels

    def parts(self) -> Mapping[Part, Examples]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def divide(
    found: Found, facts: Sequence[Facts], first: Sequence[int], seed: int
) -> tuple[dict[Part, list[int]], list[Leak]]:
    """Say what each example is for.

    What the data says itself is kept. All else is divided class by class: whether an example is for tests follows from
    the hash of its content and the seed, so that more files do not move those that were there, and what is the same
    stays together.

    Args:
        found: The examples.
        facts: What is known about them.
        first: For each example the place of the first one that is the same.
        seed: Another seed divides otherwise.

    Returns:
        The examples' places for each part, and what was left out because it was on both sides.

    Raises:
        Nothing.
    """
    parts: list[Part | None] = list(found.parts)
    leaks = _take_out_leaks(found, parts, first)
    out = {leak.name for leak in leaks}
    left = [at for at in range(len(parts)) if found.names[at] not in out]
    shares: dict[Part, float] = {"test": TEST, "validation": VALIDATION}
    lacking = {p: share for p, share in shares.items() if all(parts[at] != p for at in left)}
    free = [at for at in left if parts[at] in (None, "train")]
    for part, several in _drawn(found, facts, first, free, seed, lacking).items():
        for at in several:
            parts[at] = part
    places: dict[Part, list[int]] = {"train": [], "validation": [], "test": []}
    for at in left:
        places[parts[at] or "train"].append(at)
    return places, leaks


def _drawn(
    found: Found,
    facts: Sequence[Facts],
    first: Sequence[int],
    free: Sequence[int],
    seed: int,
    shares: Mapping[Part, float],
) -> dict[Part, list[int]]:
    """Return shares of each class: whole groups of what is the same."""
    members: dict[int, list[int]] = defaultdict(list)
    for at in free:
        members[first[at]].append(at)
    number = {group: _number(facts, several, seed) for group, several in members.items()}
    chosen: dict[Part, list[int]] = {part: [] for part in shares}
    for groups in _strata(found, members).values():
        groups.sort(key=lambda group: number[group])
        begin, edge = 0, 0.0
        for part, share in shares.items():
            edge += share
            below = sum(number[group] < edge for group in groups) - begin
            end = begin + _count(len(groups), below, share)
            chosen[part] += [at for group in groups[begin:end] for at in members[group]]
            begin = end
    return chosen


def _number(facts: Sequence[Facts], places: Sequence[int], seed: int) -> float:
    """Return a number from 0 to 1 that the content decides."""
    content = min(facts[at].same or facts[at].sha256 for at in places)
    digest = hashlib.sha256(f"{seed}/{content}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _strata(found: Found, members: Mapping[int, Sequence[int]]) -> Mapping[str, list[int]]:
    """Return the groups of each class; a picture with several kinds of things counts for the rarest."""
    counts = Counter(
        label for several in members.values() for at in several for label in _labels(found, at)
    )
    strata: dict[str, list[int]] = defaultdict(list)
    for group, several in members.items():
        labels = _labels(found, several[0]) or [""]
        strata[min(labels, key=lambda label: (counts[label], label))].append(group)
    return strata


def _count(size: int, below: int, share: float) -> int:
    """Return how many groups to draw: those below the share, unless chance was off by more than a third."""
    if size < LEAST_GROUPS:
        return 0
    exact = share * size
    low, high = max(1, round(exact * 2 / 3)), max(1, round(exact * 4 / 3))
    return min(max(below, low), high)


def _labels(found: Found, at: int) -> list[str]:
    target = found.targets[at]
    if found.kind == "detection":
        return sorted({label for label, _ in target})
    return [target]


def _take_out_leaks(found: Found, parts: Sequence[Part | None], first: Sequence[int]) -> list[Leak]:
    """Return what the data has on both sides; the part that judges keeps it."""
    groups: dict[int, list[int]] = defaultdict(list)
    for at, group in enumerate(first):
        if parts[at]:
            groups[group].append(at)
    leaks = []
    order: list[Part] = ["test", "validation", "train"]
    for several in groups.values():
        keeper = min(several, key=lambda at: order.index(parts[at] or "train"))
        there = parts[keeper] or "train"
        for at in several:
            part = parts[at] or "train"
            if part != there:
                leaks.append(Leak(found.names[at], part, found.names[keeper], there))
    return leaks
