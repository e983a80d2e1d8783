"""Preprocessing of numbers and images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import image, ops
from penstock_formats.keras._call import is_one
from penstock_formats.keras._problems import damaged
from penstock_formats.keras._registry import Config, layer

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call


@layer("Rescaling", masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    scale, offset = _constant(call.get("scale", 1.0)), _constant(call.get("offset", 0.0))
    return ops.add(ops.multiply(ops.cast(x, "float32"), scale), offset)


def _constant(value: Any) -> Any:
    return np.asarray(value, np.float32) if isinstance(value, list) else float(value)


@layer(
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    masking="keep",
)
def _(call: Call, x: Tensor) -> Tensor:
    return x


def _moments(config: Config) -> list[str]:
    return ["mean", "variance", "count"] if config.get("mean") is None else []


@layer("Normalization", weights=_moments)
def _(call: Call, x: Tensor) -> Tensor:
    axis = call.config.get("axis", -1)
    axes = [] if axis is None else (axis if isinstance(axis, list) else [axis])
    axes = sorted(a % x.ndim for a in axes)
    shape = [x.shape[a] for a in axes]
    if call.get("mean", None) is None:
        mean, variance = call.weight("mean", *shape), call.weight("variance", *shape)
    else:
        given = [np.asarray(call.get(key, 0.0), np.float32) for key in ("mean", "variance")]
        mean, variance = (ops.asarray(np.broadcast_to(v, shape)) for v in given)
    spread = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
    mean, variance = ops.reshape(mean, spread), ops.reshape(variance, spread)
    deviation = ops.maximum(ops.sqrt(variance), 1e-7)
    x = ops.cast(x, "float32")
    return mean + x * deviation if call.get("invert", False) else (x - mean) / deviation


@layer("Resizing")
def _(call: Call, x: Tensor) -> Tensor:
    call.refuse(pad_to_aspect_ratio=False, antialias=False)
    height, width = call.integer("height"), call.integer("width")
    method = call.choice("interpolation", "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
    x = call.to_last(x)
    if call.get("crop_to_aspect_ratio", False):
        x = _cut_to_ratio(x, height, width)
    y = image.resize(x, (height, width), method)
    return call.from_last(y)


def _cut_to_ratio(x: Tensor, height: int, width: int) -> Tensor:
    """Cut an image to the proportions that it is to have."""
    rows, columns = int(x.shape[-3]), int(x.shape[-2])
    kept_rows = min(rows, int(float(columns * height) / width))
    kept_columns = min(columns, int(float(rows * width) / height))
    return _cut(x, (rows - kept_rows) // 2, (columns - kept_columns) // 2, kept_rows, kept_columns)


def _cut(x: Tensor, top: int, left: int, rows: int, columns: int) -> Tensor:
    return x[..., top : top + rows, left : left + columns, :]


@layer("CenterCrop")
def _(call: Call, x: Tensor) -> Tensor:
    height, width = call.integer("height"), call.integer("width")
    x = call.to_last(x)
    rows, columns = int(x.shape[-3]), int(x.shape[-2])
    if rows >= height and columns >= width:
        y = _cut(x, (rows - height) // 2, (columns - width) // 2, height, width)
    else:
        y = image.resize(_cut_to_ratio(x, height, width), (height, width))
    return call.from_last(y)


@layer("Discretization")
def _(call: Call, x: Tensor) -> Tensor:
    bounds = call.get("bin_boundaries", None)
    if not isinstance(bounds, list) or any(
        isinstance(b, bool) or not isinstance(b, int | float) for b in bounds
    ):
        raise damaged(f"{call} has bin_boundaries={bounds!r:.60}")
    numbers = ops.searchsorted(
        np.asarray(sorted(bounds), np.float32), ops.cast(x, "float32"), side="right"
    )
    return encoded(call, numbers, len(bounds) + 1)


@layer("CategoryEncoding")
def _(call: Call, x: Tensor, count_weights: Tensor | None = None) -> Tensor:
    mode = call.get("output_mode", "multi_hot")
    depth = call.integer("num_tokens")
    return encoded(call, x, depth, mode, count_weights)


def encoded(
    call: Call, numbers: Tensor, depth: int, mode: str | None = None, weights: Tensor | None = None
) -> Tensor:
    """Give numbers the form that the layer's output mode asks for."""
    mode = str(call.get("output_mode", "int") if mode is None else mode)
    if call.get("sparse", False):
        raise call.unsupported("sparse=True")
    if mode == "int":
        return ops.cast(numbers, "int64")
    if mode not in ("one_hot", "multi_hot", "count"):
        raise call.unsupported(f"output_mode={mode!r:.60}")
    numbers = ops.cast(numbers, "int64")
    if mode == "one_hot":
        alone = numbers.ndim > 1 and is_one(numbers.shape[-1])
        return ops.one_hot(ops.squeeze(numbers, -1) if alone else numbers, depth)
    rows = ops.one_hot(numbers, depth)
    if weights is not None:
        rows = rows * ops.expand_dims(ops.cast(weights, "float32"), -1)
    axis = -2 if numbers.ndim > 0 else None
    if axis is None:
        return rows
    return ops.max(rows, axis) if mode == "multi_hot" else ops.sum(rows, axis)
