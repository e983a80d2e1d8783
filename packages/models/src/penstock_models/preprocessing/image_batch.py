"""Several pictures made ready at once."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock_models.preprocessing.image_reader import read_image
from penstock_models.preprocessing.image_scaler import ImageScaler


def pictures(images: Any, scaler: ImageScaler, channels: int = 3) -> ps.Tensor:
    """Return pictures as a network takes them.

    Args:
        images: A picture, or several: paths, PIL images or arrays; or a batch [batch, height, width, channels].
        scaler: What scales them.
        channels: How many channels the network takes.

    Returns:
        [batch, height, width, channels].

    Raises:
        FormatError: A file is no picture.

    >>> pictures([np.zeros((8, 6, 3), "uint8")] * 2, ImageScaler((4, 4))).shape
    (2, 4, 4, 3)
    """
    if isinstance(images, np.ndarray | ps.Tensor) and images.ndim == 4:
        scaled: ps.Tensor = scaler(images)
        return scaled
    several = images if isinstance(images, list | tuple) else [images]
    return ps.concat([scaler(read_image(image, channels)[None]) for image in several], axis=0)
