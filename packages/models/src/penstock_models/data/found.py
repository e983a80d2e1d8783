"""What a reader found in a folder or a file, before it is looked at and divided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from penstock_models.data.examples import Examples, Kind

Part = Literal["train", "validation", "test"]
# What people call the parts of their data.
PARTS: dict[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class Skipped:
    """An example that cannot be used, and why."""

    name: str
    reason: str


@dataclass
class Found:
    """Labelled examples in the order of their names, not looked at yet.

    Args:
        kind: What they are.
        inputs: A path for each picture or sound; a string for each text.
        targets: A label's name for each example; for a detection a list of `(name, corners)`.
        names: What messages call each example.
        parts: Which part each one belongs to, None where the data does not say.
        notes: What the reader decided, in sentences.
        skipped: What it could not use.
    """

    kind: Kind
    inputs: list[Any] = field(default_factory=list)
    targets: list[Any] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    parts: list[Part | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def add(self, given: Any, target: Any, name: str, part: Part | None) -> None:
        """Append an example."""
        self.inputs.append(given)
        self.targets.append(target)
        self.names.append(name)
        self.parts.append(part)

    def skip(self, name: str, reason: str) -> None:
        """Note that an example cannot be used."""
        self.skipped.append(Skipped(name, reason))

    def keep(self, places: Sequence[int]) -> None:
        """Leave only the examples at some places."""
        columns: tuple[list[Any], ...] = (self.inputs, self.targets, self.names, self.parts)
        for column in columns:
            column[:] = [column[i] for i in places]


def sorted_labels(names: set[str]) -> tuple[str, ...]:
    """Return labels in order: numbers by their size, words by the alphabet.

    >>> sorted_labels({"10", "9"}), sorted_labels({"b", "a", "1"})
    (('9', '10'), ('1', 'a', 'b'))
    """
    try:
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    except ValueError:
        return tuple(sorted(names))


def examples_of(found: Found, labels: tuple[str, ...], places: Sequence[int]) -> Examples:
    """Return the examples at some places, with numbers for labels."""
    from penstock_models.data.boxes import boxes_of

    number = {label: i for i, label in enumerate(labels)}
    several = [found.targets[i] for i in places]
    if found.kind == "detection":
        targets: list[Any] = [boxes_of(things, number) for things in several]
    else:
        targets = [number[label] for label in several]
    inputs, names = [found.inputs[i] for i in places], [found.names[i] for i in places]
    return Examples(found.kind, inputs, targets, labels, names)
