"""Images of another size, with the roundings of TensorFlow Lite's kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock_formats.tflite.building import Call, converts

_LARGEST = 1 << 15


def _size(c: Call) -> tuple[int, int]:
    size = c.ints(1)
    if len(size) != 2 or c.rank(0) != 4 or not all(0 < n <= _LARGEST for n in size):
        raise c.fail(f"resizes {c.x(0).shape} to {size}")
    if not all(isinstance(n, int) and 0 < n <= _LARGEST for n in c.x(0).shape[1:3]):
        raise c.fail(f"resizes images of shape {c.x(0).shape}")
    return size[0], size[1]


def _scale(small: int, large: int, align: bool) -> np.float32:
    if align and large > 1:
        return np.float32(small - 1) / np.float32(large - 1)
    return np.float32(small) / np.float32(large)


def _between(c: Call, small: int, large: int) -> tuple[Any, Any, Any]:
    """For each new pixel the old ones on both sides, and how far it lies from the first."""
    scale = _scale(small, large, c.options["align_corners"])
    place = np.arange(large, dtype=np.float32)
    if c.options["half_pixel_centers"]:
        place = (place + np.float32(0.5)) * scale - np.float32(0.5)
    else:
        place = place * scale
    low = np.maximum(np.floor(place).astype(np.int32), 0)
    high = np.minimum(np.ceil(place).astype(np.int32), small - 1)
    return low, high, (place - low).astype(np.float32)


def _between_steps(c: Call, small: int, large: int) -> tuple[Any, Any, Any]:
    """The same in steps of 1/1024, for int8."""
    n, m = (small - 1, large - 1) if c.options["align_corners"] and large > 1 else (small, large)
    scale = (1024 * n + m // 2) // m
    place = np.arange(large, dtype=np.int64) * scale
    if c.options["half_pixel_centers"]:
        place = place + scale // 2 - 512
    low = np.maximum(np.trunc(place / 1024).astype(np.int64), 0)
    high = np.minimum(np.trunc((place + 1023) / 1024).astype(np.int64), small - 1)
    return low.astype(np.int32), high.astype(np.int32), place - 1024 * low


def _mixed(x: Any, rows: Any, columns: Any, one: Any) -> Any:
    """Add up the four neighbours of each new pixel, each times its share; the order matters to the last bit."""
    (y0, y1, dy), (x0, x1, dx) = rows, columns
    dy, dx = dy.reshape(-1, 1, 1), dx.reshape(-1, 1)
    total = None
    for x_at, x_share in ((x0, one - dx), (x1, dx)):
        column = ps.gather(x, x_at, axis=2)
        for y_at, y_share in ((y0, one - dy), (y1, dy)):
            part = ps.gather(column, y_at, axis=1) * y_share * x_share
            total = part if total is None else total + part
    return total


@converts("RESIZE_BILINEAR", integers="same")
def bilinear(c: Call) -> Any:
    """Resize with the four nearest pixels."""
    sizes = list(zip(c.x(0).shape[1:3], _size(c), strict=True))
    if c.info(0).dtype == "int8":
        rows, columns = (_between_steps(c, *pair) for pair in sizes)
        total = _mixed(ps.cast(c.x(0), "int64"), rows, columns, np.int64(1024))
        half = np.asarray(1 << 19, np.int64)
        up = ps.bitwise_right_shift(ps.abs(total) + half, np.asarray(20, np.int64))
        return ps.cast(ps.where(total > 0, up, -up), "int8")
    rows, columns = (_between(c, *pair) for pair in sizes)
    mixed = _mixed(ps.cast(c.x(0), "float32"), rows, columns, np.float32(1))
    if c.info(0).dtype == "float32":
        return mixed
    return ps.cast(mixed + np.float32(0.5), c.info(0).dtype)


@converts("RESIZE_NEAREST_NEIGHBOR", integers="same")
def nearest(c: Call) -> Any:
    """Resize with the nearest pixel."""
    x = c.x(0)
    for axis, (small, large) in enumerate(zip(x.shape[1:3], _size(c), strict=True), 1):
        align, half = c.options["align_corners"], c.options["half_pixel_centers"]
        place = np.arange(large, dtype=np.float32) + np.float32(0.5 if half else 0)
        place = place * _scale(small, large, align)
        place = np.trunc(place + np.float32(0.5)) if align else np.floor(place)
        x = ps.gather(x, np.clip(place, 0, small - 1).astype(np.int32), axis=axis)
    return x
