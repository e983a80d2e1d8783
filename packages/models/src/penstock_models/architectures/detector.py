"""What all detectors' sizes have."""

from __future__ import annotations

from typing import ClassVar

from penstock_models.config import Config


class DetectorConfig(Config):
    """Sizes of a detector whose heads tell offsets from anchors, and scores.

    Layers that tell offsets are called "box_0", "box_1" and so on, those that tell scores of classes "class_0" ...

    Args:
        num_classes: How many kinds of things it knows; background is what scores low for all of them.
        size: Height and width of the pictures.
    """

    architecture: ClassVar[str]
    num_classes: int
    size: tuple[int, int]

    @property
    def num_maps(self) -> int:
        """How many maps have heads."""
        raise NotImplementedError

    def num_anchors(self, place: int) -> int:
        """Return how many anchors each point of a map has.

        Args:
            place: The map's number.
        """
        raise NotImplementedError
