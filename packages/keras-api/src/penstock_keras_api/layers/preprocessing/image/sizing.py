"""Resizing and cutting of batches of images [batch, height, width, channels], and of their boxes."""

from __future__ import annotations

from typing import Any

import penstock as ps


def window(height: int, width: int, to_height: int, to_width: int) -> tuple[int, int, int, int]:
    """Return the largest part with the proportions of a size: top, left, height and width."""
    part_height = min(height, int(float(width * to_height) / to_width))
    part_width = min(width, int(float(height * to_width) / to_height))
    return (
        int(float(height - part_height) / 2),
        int(float(width - part_width) / 2),
        part_height,
        part_width,
    )


def frame(height: int, width: int, to_height: int, to_width: int) -> tuple[int, int, int, int]:
    """Return the smallest frame with the proportions of a size: what lies above and left, its height and width."""
    all_height = max(height, int(float(width * to_height) / to_width))
    all_width = max(width, int(float(height * to_width) / to_height))
    return (
        int(float(all_height - height) / 2),
        int(float(all_width - width) / 2),
        all_height,
        all_width,
    )


def cut(images: Any, top: Any, left: Any, height: Any, width: Any) -> Any:
    """Cut a part out of images."""
    return images[:, top : top + height, left : left + width]


def resized(images: Any, height: int, width: int, method: str, antialias: bool = False) -> Any:
    """Resize images; whole numbers stay so."""
    made = ps.image.resize(images, (height, width), method, antialias=antialias)
    if made.dtype != images.dtype:
        made = ps.cast(ps.round(made), images.dtype)
    return made


def scaled(corners: Any, x: float, y: float, left: float = 0.0, top: float = 0.0) -> Any:
    """Shift boxes and then scale them."""
    shift = ps.asarray([left, top, left, top])
    return (corners + ps.cast(shift, corners.dtype)) * ps.cast(
        ps.asarray([x, y, x, y]), corners.dtype
    )
