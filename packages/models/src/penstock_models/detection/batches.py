"""Batches of pictures for a detector, varied anew in every epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock_keras_api as keras
from penstock_models.data.examples import Examples
from penstock_models.detection.augmentation import varied
from penstock_models.detection.matching import targets
from penstock_models.preprocessing import ImageScaler, read_image

Array = np.ndarray[Any, Any]

# Pictures are kept no larger than so many times what the network takes: cuts need no more.
KEPT_SIZE = 2
# How much memory pictures that were read may take.
MOST_KEPT = 1 << 29


class Batches(keras.utils.PyDataset):
    """Scaled pictures, and what a detector should say of each anchor.

    What a batch has depends on the seed, the epoch's number and the batch's alone.

    Args:
        examples: Pictures with their boxes.
        scaler: What makes pictures ready for the network.
        anchors: [anchors, 4].
        batch_size: How many pictures make a batch.
        augment: Whether pictures are varied.
        seed: Of order and variations.

    Raises:
        ValueError: Never here; see `check_examples`.
    """

    def __init__(
        self,
        examples: Examples,
        scaler: ImageScaler,
        anchors: Array,
        batch_size: int,
        augment: bool,
        seed: int,
    ) -> None:
        super().__init__()
        self.examples, self.scaler, self.anchors = examples, scaler, anchors
        self.batch_size, self.augment, self.seed = batch_size, augment, seed
        self.epoch = 0
        self._pictures: dict[int, Array] = {}
        self._kept = 0

    @property
    def num_batches(self) -> int:
        """How many batches an epoch has; what does not fill the last one is left out, unless it is the only one."""
        return max(1, len(self.examples) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        """Return a batch: float32 [batch, height, width, 3] and [batch, anchors, 5]."""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.examples))
        rows = order[index * self.batch_size : (index + 1) * self.batch_size]
        made = [self._one(int(row)) for row in rows]
        return np.stack([x for x, _ in made]), np.stack([y for _, y in made])

    def _one(self, row: int) -> tuple[Array, Array]:
        pixels, boxes = self._picture(row), self.examples.targets[row]
        if self.augment:
            rng = np.random.default_rng([self.seed, self.epoch, row])
            pixels, boxes = varied(pixels, boxes, rng)
        scaled: Array = self.scaler(np.ascontiguousarray(pixels)[None]).numpy()[0]
        return scaled, targets(boxes.corners, boxes.classes, self.anchors)

    def _picture(self, row: int) -> Array:
        if row in self._pictures:
            return self._pictures[row]
        pixels = self._smaller(read_image(self.examples.inputs[row]))
        if self._kept + pixels.nbytes <= MOST_KEPT:
            self._pictures[row] = pixels
            self._kept += pixels.nbytes
        return pixels

    def _smaller(self, pixels: Array) -> Array:
        size = self.scaler.size
        if size is None:
            return pixels
        height, width = (min(n, KEPT_SIZE * m) for n, m in zip(pixels.shape[:2], size, strict=True))
        # Whole numbers from 0 to 255.
        made: Array = ImageScaler((height, width))(pixels[None]).numpy()[0].astype(np.uint8)
        return made
