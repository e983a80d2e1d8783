"""Batches of pictures for a detector, varied anew in every epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock_models.data.examples import Examples
from penstock_models.detection.augmentation import varied
from penstock_models.detection.matching import targets
from penstock_models.preprocessing import ImageScaler, read_image

Array = np.ndarray[Any, Any]

# Pictures are kept no larger than so many times what the network takes: cuts need no more.
KEPT_SIZE = 2
# How much memory pictures that were read may take.
MOST_KEPT = 1 << 29


class Batches:
    """Scaled pictures, and what a detector should say of each anchor.

    What a batch has depends on the seed, the epoch's number and the batch's place alone.

    Args:
        examples: Pictures with their boxes.
        scaler: What makes pictures ready for the network.
        anchors: [anchors, 4].
        augment: Whether pictures are varied.
        seed: Of order and variations.
        least_overlap: How much an anchor must overlap a thing to answer for it.
        reach: As in `matching.match`.
    """

    def __init__(
        self,
        examples: Examples,
        scaler: ImageScaler,
        anchors: Array,
        augment: bool,
        seed: int,
        least_overlap: float = 0.5,
        reach: Array | None = None,
    ) -> None:
        self.examples, self.scaler, self.anchors = examples, scaler, anchors
        self.augment, self.seed, self.least_overlap = augment, seed, least_overlap
        self.reach = reach
        self._pictures: dict[int, Array] = {}
        self._kept = 0

    def batch(self, epoch: int, at: int, size: int) -> tuple[Array, Array]:
        """Return a batch of an epoch.

        Args:
            epoch: The epoch's number.
            at: Where the batch begins in the epoch's order; one that the end cuts off goes on at the beginning.
            size: How many pictures it has; no more than there are.

        Returns:
            float32 [batch, height, width, 3] and [batch, anchors, 5], as `matching.targets` has it.

        Raises:
            FormatError: A file is no picture.
        """
        count = len(self.examples)
        order = np.random.default_rng([self.seed, 5, epoch]).permutation(count)
        rows = order[np.arange(at, at + min(size, count)) % count]
        made = [self._one(epoch, int(row)) for row in rows]
        return np.stack([x for x, _ in made]), np.stack([y for _, y in made])

    def _one(self, epoch: int, row: int) -> tuple[Array, Array]:
        pixels, boxes = self._picture(row), self.examples.targets[row]
        if self.augment:
            rng = np.random.default_rng([self.seed, 6, epoch, row])
            pixels, boxes = varied(pixels, boxes, rng)
        scaled: Array = self.scaler(np.ascontiguousarray(pixels)[None]).numpy()[0]
        made = targets(boxes.corners, boxes.classes, self.anchors, self.least_overlap, self.reach)
        return scaled, made

    def _picture(self, row: int) -> Array:
        if row in self._pictures:
            return self._pictures[row]
        pixels = self._smaller(read_image(self.examples.inputs[row]))
        if self._kept + pixels.nbytes <= MOST_KEPT:
            self._pictures[row] = pixels
            self._kept += pixels.nbytes
        return pixels

    def _smaller(self, pixels: Array) -> Array:
        if self.scaler.size is None:
            return pixels
        pairs = zip(pixels.shape[:2], self.scaler.size, strict=True)
        height, width = (min(side, KEPT_SIZE * wanted) for side, wanted in pairs)
        # Whole numbers from 0 to 255.
        made: Array = ImageScaler((height, width))(pixels[None]).numpy()[0].astype(np.uint8)
        return made
