"""Labelled examples of any kind: what readers return and what models are trained and judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from penstock.errors import InvalidValueError

Kind = Literal["image", "text", "audio", "detection"]


@dataclass(frozen=True)
class Boxes:
    """The things on a picture.

    Args:
        corners: [things, 4], real numbers: left, top, right, bottom in parts of the picture's width and height.
        classes: [things], integers: the number of each thing's label.
    """

    corners: np.ndarray[Any, Any]
    classes: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Examples:
    """Labelled examples.

    Args:
        kind: "image", "text" and "audio" have a label for each example; "detection" has boxes on each picture.
        inputs: A path or an array for each picture or sound; a string for each text.
        targets: The number of each example's label; `Boxes` for each picture of a detection.
        labels: A word for each class.
        names: What messages call each example: a path below the data's folder, or "reviews.tsv:12".

    Raises:
        ValueError: The lengths differ.

    >>> few = Examples("text", ["good", "bad"], [1, 0], ("negative", "positive"), ["a.tsv:1", "a.tsv:2"])
    >>> len(few), few.subset([1]).inputs
    (2, ['bad'])
    """

    kind: Kind
    inputs: Sequence[Any]
    targets: Sequence[Any]
    labels: tuple[str, ...]
    names: Sequence[str]

    def __post_init__(self) -> None:
        """Refuse rows that do not belong together."""
        if not len(self.inputs) == len(self.targets) == len(self.names):
            raise InvalidValueError(
                f"[Examples] got {len(self.inputs)} inputs, {len(self.targets)} targets and {len(self.names)} names; "
                "give one of each for every example"
            )

    def __len__(self) -> int:
        """Return how many examples there are."""
        return len(self.inputs)

    def subset(self, indices: Sequence[int]) -> Examples:
        """Return the examples at some places, in that order.

        Args:
            indices: Their places, from 0.

        Returns:
            As many examples as there are places.

        Raises:
            IndexError: There is no such place.
        """
        return Examples(
            self.kind,
            [self.inputs[i] for i in indices],
            [self.targets[i] for i in indices],
            self.labels,
            [self.names[i] for i in indices],
        )
