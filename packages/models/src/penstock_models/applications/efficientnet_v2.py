"""`keras.applications.efficientnet_v2`."""

from __future__ import annotations

from typing import Any

from penstock_models.applications.imagenet_utils import decode_predictions
from penstock_models.applications.networks.efficientnet import (
    EfficientNetV2B0,
    EfficientNetV2B1,
    EfficientNetV2B2,
    EfficientNetV2B3,
    EfficientNetV2L,
    EfficientNetV2M,
    EfficientNetV2S,
)

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Return pixels as they are: these networks scale them themselves.

    Args:
        x: Pixels from 0 to 255.
        data_format: Not used.

    Returns:
        x.

    Raises:
        TypeError: Never here.

    >>> preprocess_input(255.0)
    255.0
    """
    return x
