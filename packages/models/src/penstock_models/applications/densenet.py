"""`keras.applications.densenet`."""

from __future__ import annotations

from typing import Any

from penstock_models.applications import imagenet_utils
from penstock_models.applications.imagenet_utils import decode_predictions
from penstock_models.applications.networks.densenet import DenseNet121, DenseNet169, DenseNet201

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scale pixels as these networks want them; see `imagenet_utils.preprocess_input`, mode "torch".

    Args:
        x: [..., channels], from 0 to 255.
        data_format: "channels_last" or "channels_first".

    Returns:
        x's shape, floats.

    Raises:
        ValueError: There is no such format.

    >>> preprocess_input([[0.0, 0.0, 0.0]]).shape
    (1, 3)
    """
    return imagenet_utils.preprocess_input(x, data_format, "torch")
