"""`keras.applications.mobilenet`."""

from __future__ import annotations

from typing import Any

from penstock_models.applications import imagenet_utils
from penstock_models.applications.imagenet_utils import decode_predictions
from penstock_models.applications.networks.mobilenet import MobileNet

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scale pixels as these networks want them; see `imagenet_utils.preprocess_input`, mode "tf".

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
    return imagenet_utils.preprocess_input(x, data_format, "tf")
