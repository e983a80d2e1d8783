"""Layers that move numbers and change none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from penstock import image, ops
from penstock_formats.keras._problems import damaged
from penstock_formats.keras._registry import layer

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call


@layer("Flatten")
def _(call: Call, x: Tensor) -> Tensor:
    if x.ndim > 2:
        x = call.to_last(x)
    sizes = x.shape[1:]
    if not all(isinstance(n, int) for n in sizes):
        return ops.reshape(x, (x.shape[0], math.prod(sizes)))
    return ops.reshape(x, (x.shape[0], math.prod(int(n) for n in sizes)))


@layer("Reshape")
def _(call: Call, x: Tensor) -> Tensor:
    shape = _numbers(call, "target_shape")
    if shape.count(-1) > 1 or any(n < -1 for n in shape):
        raise damaged(f"{call} has target_shape={shape!r:.60}")
    if -1 not in shape:
        return ops.reshape(x, (x.shape[0], *shape))
    rest = math.prod(n for n in shape if n != -1)
    missing = math.prod(x.shape[1:]) // max(rest, 1)
    return ops.reshape(x, (x.shape[0], *[missing if n == -1 else n for n in shape]))


@layer("Permute")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.transpose(x, (0, *_numbers(call, "dims")))


@layer("RepeatVector")
def _(call: Call, x: Tensor) -> Tensor:
    times = call.integer("n")
    return ops.broadcast_to(ops.expand_dims(x, 1), (x.shape[0], times, x.shape[1]))


@layer("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def _(call: Call, x: Tensor) -> Tensor:
    pads = _pairs(call, "padding", x.ndim - 2)
    x = call.to_last(x)
    return call.from_last(ops.pad(x, ((0, 0), *pads, (0, 0))))


@layer("Cropping1D", "Cropping2D", "Cropping3D")
def _(call: Call, x: Tensor) -> Tensor:
    crops = _pairs(call, "cropping", x.ndim - 2)
    x = call.to_last(x)
    inside = [slice(before, -behind if behind else None) for before, behind in crops]
    return call.from_last(x[(slice(None), *inside)])


@layer("UpSampling1D", "UpSampling2D", "UpSampling3D")
def _(call: Call, x: Tensor) -> Tensor:
    times = call.sizes("size", x.ndim - 2, 2)
    method = call.get("interpolation", "nearest")
    x = call.to_last(x)
    if method != "nearest":
        if x.ndim != 4 or method not in ("bilinear", "bicubic", "lanczos3", "lanczos5"):
            raise call.unsupported(f"interpolation={method!r:.60}")
        sides = [n * k for n, k in zip(x.shape[1:3], times, strict=True)]
        return call.from_last(image.resize(x, sides, method))
    for axis, count in enumerate(times, 1):
        x = repeated(x, count, axis)
    return call.from_last(x)


def repeated(x: Tensor, count: int, axis: int) -> Tensor:
    """Repeat each element along an axis."""
    shape = x.shape
    wide = (*shape[: axis + 1], count, *shape[axis + 1 :])
    x = ops.broadcast_to(ops.expand_dims(x, axis + 1), wide)
    return ops.reshape(x, (*shape[:axis], shape[axis] * count, *shape[axis + 1 :]))


def _numbers(call: Call, key: str) -> list[int]:
    value = call.config.get(key)
    if not isinstance(value, list | tuple) or any(type(n) is not int for n in value):
        raise damaged(f"{call} has {key}={value!r:.60}")
    return list(value)


def _pairs(call: Call, key: str, sides: int) -> list[tuple[int, int]]:
    """Read how much is added or taken at both ends of each side."""
    value: Any = call.get(key, 1)
    if isinstance(value, int):
        value = [value] * sides
    if sides == 1 and isinstance(value, list | tuple) and len(value) == 2:
        value = [value]
    pairs = [(row, row) if isinstance(row, int) else tuple(row) for row in value]
    flat = [n for pair in pairs for n in pair]
    if (
        len(pairs) != sides
        or len(flat) != 2 * sides
        or any(type(n) is not int or not 0 <= n < 2**31 for n in flat)
    ):
        raise damaged(f"{call} has {key}={value!r:.60}")
    return [(int(a), int(b)) for a, b in pairs]
