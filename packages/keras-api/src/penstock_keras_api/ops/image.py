"""`keras.ops.image`: images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock_keras_api import config
from penstock_keras_api.ops import image_filters, image_sizes, image_warps
from penstock_keras_api.ops.table import define
from penstock_keras_api.ops.table import floating as _f


def _on_last(fn: Callable[[Any], Any], images: Any, data_format: str | None) -> Any:
    """Call a function on images with channels last."""
    if config.standardize_data_format(data_format) == "channels_last":
        return fn(_f(images))
    return ps.moveaxis(fn(ps.moveaxis(_f(images), -3, -1)), -1, -3)


ROWS: dict[str, Callable[..., Any]] = {
    "rgb_to_grayscale": lambda images, data_format=None: _on_last(
        ps.image.rgb_to_grayscale, images, data_format
    ),
    "rgb_to_hsv": lambda images, data_format=None: _on_last(
        ps.image.rgb_to_hsv, images, data_format
    ),
    "hsv_to_rgb": lambda images, data_format=None: _on_last(
        ps.image.hsv_to_rgb, images, data_format
    ),
    **image_sizes.ROWS,
    **image_warps.ROWS,
    **image_filters.ROWS,
}
globals().update(define("image", ROWS))
__all__ = sorted(ROWS)  # noqa: PLE0605 - made of the table
