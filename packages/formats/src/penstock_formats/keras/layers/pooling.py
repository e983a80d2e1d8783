"""Pooling: over windows, over the whole image, and to a given size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import nn, ops
from penstock_formats.keras._registry import layer

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call


@layer("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "MaxPool1D", "MaxPool2D", "MaxPool3D")
def _(call: Call, x: Tensor) -> Tensor:
    return _pooled(call, x, largest=True)


@layer("AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "AvgPool1D", "AvgPool2D")
def _(call: Call, x: Tensor) -> Tensor:
    return _pooled(call, x, largest=False)


def _pooled(call: Call, x: Tensor, *, largest: bool) -> Tensor:
    sides = x.ndim - 2
    # Keras 1 and 2 have one setting in 1D for what others have for each side.
    size = call.sizes("pool_size" if "pool_size" in call.config else "pool_length", sides, 2)
    steps = call.sizes("strides", sides) if call.get("strides", None) is not None else size
    padding = call.choice("padding", "valid", "same")
    x = call.to_last(x)
    if sides == 1:
        pool1d = nn.max_pool1d if largest else nn.avg_pool1d
        return call.from_last(pool1d(x, size[0], steps[0], padding))
    two, three = (nn.max_pool2d, nn.max_pool3d) if largest else (nn.avg_pool2d, nn.avg_pool3d)
    return call.from_last((two if sides == 2 else three)(x, size, steps, padding))


@layer(
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool2D",
)
def _(call: Call, x: Tensor) -> Tensor:
    axes, keep = _sides(call, x), bool(call.get("keepdims", False))
    if call.mask is None or x.ndim != 3:
        return ops.mean(x, axes, keepdims=keep)
    weights = ops.expand_dims(ops.cast(call.mask, x.dtype), 1 if call.channels_first else 2)
    return ops.sum(x * weights, axes, keepdims=keep) / ops.sum(weights, axes, keepdims=keep)


@layer("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalMaxPool2D")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.max(x, _sides(call, x), keepdims=bool(call.get("keepdims", False)))


@layer("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D")
def _(call: Call, x: Tensor) -> Tensor:
    size = call.sizes("output_size", x.ndim - 2)
    return call.from_last(nn.adaptive_avg_pool(call.to_last(x), size))


@layer("AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D")
def _(call: Call, x: Tensor) -> Tensor:
    size = call.sizes("output_size", x.ndim - 2)
    return call.from_last(nn.adaptive_max_pool(call.to_last(x), size))


def _sides(call: Call, x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.ndim) if call.channels_first else range(1, x.ndim - 1))
