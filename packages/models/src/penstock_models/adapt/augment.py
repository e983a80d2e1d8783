"""Pictures varied while a network learns, in the graph: cut, turned over, lighter and darker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps


@dataclass(frozen=True)
class Augmentation:
    """How much pictures are varied.

    Args:
        area: The smallest part of the picture that is shown.
        stretch: The most that a part is wider or higher than the picture, as a factor.
        flip: Whether left and right may be changed over.
        brightness: The most that pixels are multiplied by more or less than 1.
        contrast: Likewise for their distance from the picture's mean.
        saturation: Likewise for their distance from gray.
    """

    area: float = 0.5
    stretch: float = 1.25
    flip: bool = True
    brightness: float = 0.15
    contrast: float = 0.15
    saturation: float = 0.2

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Any, Any]:
        """Draw how some pictures are varied.

        Args:
            count: How many pictures.
            rng: Draws.

        Returns:
            Boxes [count, 4]: top, left, bottom, right, from 0 to 1; and factors [count, 3]: brightness, contrast,
            saturation.
        """
        area = rng.uniform(self.area, 1.0, count)
        stretch = np.exp(rng.uniform(-1, 1, count) * np.log(self.stretch))
        height = np.minimum(np.sqrt(area / stretch), 1.0)
        width = np.minimum(np.sqrt(area * stretch), 1.0)
        top, left = rng.uniform(0, 1 - height), rng.uniform(0, 1 - width)
        boxes = np.stack([top, left, top + height, left + width], 1).astype(np.float32)
        turned = (rng.random(count) < 0.5) & self.flip
        boxes[turned] = boxes[turned][:, [0, 3, 2, 1]]
        most = np.array([self.brightness, self.contrast, self.saturation])
        return boxes, (1 + rng.uniform(-1, 1, (count, 3)) * most).astype(np.float32)


def varied(images: Any, boxes: Any, factors: Any, size: tuple[int, int]) -> Any:
    """Return pictures, each cut to its box and with its colours changed.

    Args:
        images: [batch, height, width, channels], pixels from 0 to 255.
        boxes: [batch, 4], as `Augmentation.draw` returns them.
        factors: [batch, 3], likewise.
        size: Height and width of the result.

    Returns:
        float32 [batch, *size, channels], pixels from 0 to 255.

    Raises:
        ValueError: The shapes do not fit together.
    """
    x = ps.cast(images, "float32")
    x = ps.image.crop_and_resize(x, boxes, ps.arange(_size(x)), size)
    bright, contrast, saturation = (factors[:, i][:, None, None, None] for i in range(3))
    x = x * bright
    mean = ps.mean(x, axis=(1, 2, 3), keepdims=True)
    x = mean + (x - mean) * contrast
    gray = ps.mean(x, axis=-1, keepdims=True)
    return ps.clip(gray + (x - gray) * saturation, 0.0, 255.0)


def _size(x: Any) -> Any:
    """Return how many pictures there are: a symbol in a graph."""
    return x.shape[0]


def make_varied(size: tuple[int, int], finish: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return `varied` for a size and what comes after it, as one plan."""
    run: Callable[..., Any] = ps.function(
        lambda images, boxes, factors: finish(varied(images, boxes, factors, size)), autograph=False
    )
    return run
