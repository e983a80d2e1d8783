"""Normalisation, as it works when a model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import nn, ops
from penstock_formats.keras._registry import Config, layer

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call


def _scale_and_center(config: Config) -> list[str]:
    named = (("scale", "gamma"), ("center", "beta"))
    return [weight for key, weight in named if config.get(key, True)]


@layer(
    "BatchNormalization",
    "BatchNormalizationV1",
    "SyncBatchNormalization",
    weights=lambda c: [*_scale_and_center(c), "moving_mean", "moving_variance"],
    masking="keep",
)
def _(call: Call, x: Tensor) -> Tensor:
    axis = call.get("axis", -1)
    axis = _one_axis(call, axis[0] if isinstance(axis, list) and len(axis) == 1 else axis, x)
    size = x.shape[axis]
    ones, zeros = ops.ones((int(size),), x.dtype), ops.zeros((int(size),), x.dtype)
    scale = call.weight("gamma", size) if call.get("scale", True) else ones
    offset = call.weight("beta", size) if call.get("center", True) else zeros
    mean, variance = call.weight("moving_mean", size), call.weight("moving_variance", size)
    y = nn.batch_norm_inference(
        ops.moveaxis(x, axis, -1) if axis != x.ndim - 1 else x,
        mean,
        variance,
        scale,
        offset,
        epsilon=call.number("epsilon", 1e-3),
    )
    return ops.moveaxis(y, -1, axis) if axis != x.ndim - 1 else y


@layer("LayerNormalization", weights=_scale_and_center, masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    axes = _axes(call, x)
    epsilon = call.number("epsilon", 1e-3)
    if call.get("rms_scaling", False):
        variance = ops.var(x, axes, keepdims=True)
        return _scaled(call, x / ops.sqrt(variance + epsilon), axes, center=False)
    centred = x - ops.mean(x, axes, keepdims=True)
    variance = ops.mean(ops.square(centred), axes, keepdims=True)
    return _scaled(call, centred / ops.sqrt(variance + epsilon), axes)


@layer("RMSNormalization", weights=lambda _: ["scale"], masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    axes = _axes(call, x)
    power = ops.mean(ops.square(x), axes, keepdims=True)
    scale = _spread(call.weight("scale", *[x.shape[axis] for axis in axes]), x, axes)
    return x / ops.sqrt(power + call.number("epsilon", 1e-6)) * scale


@layer("GroupNormalization", weights=_scale_and_center, masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    axis = _one_axis(call, call.get("axis", -1), x)
    groups = call.get("groups", 32)
    last = ops.moveaxis(x, axis, -1)
    channels = int(last.shape[-1])
    groups = channels if groups == -1 else int(groups)
    parts = ops.reshape(last, (*last.shape[:-1], groups, channels // groups))
    over = (*range(1, last.ndim - 1), last.ndim)
    centred = parts - ops.mean(parts, over, keepdims=True)
    variance = ops.mean(ops.square(centred), over, keepdims=True)
    y = ops.reshape(centred / ops.sqrt(variance + call.number("epsilon", 1e-3)), last.shape)
    return _scaled(call, ops.moveaxis(y, -1, axis), (axis,))


@layer("UnitNormalization", masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    axis = call.get("axis", -1)
    axes = tuple(axis) if isinstance(axis, list) else (axis,)
    power = ops.sum(ops.square(x), axes, keepdims=True)
    return x * ops.rsqrt(ops.maximum(power, 1e-12))


@layer("SpectralNormalization")
def _(call: Call, x: Tensor) -> Tensor:
    raise call.unsupported("weights that change with every call")


def _scaled(call: Call, y: Tensor, axes: tuple[int, ...], *, center: bool = True) -> Tensor:
    shape = [y.shape[axis] for axis in axes]
    if call.get("scale", True):
        y = y * _spread(call.weight("gamma", *shape), y, axes)
    if center and call.get("center", True):
        y = y + _spread(call.weight("beta", *shape), y, axes)
    return y


def _spread(weight: Tensor, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Give a weight over some axes all of them."""
    if axes == tuple(range(x.ndim - len(axes), x.ndim)):
        return weight
    sizes = dict(zip(axes, weight.shape, strict=True))
    return ops.reshape(weight, [sizes.get(axis, 1) for axis in range(x.ndim)])


def _axes(call: Call, x: Tensor) -> tuple[int, ...]:
    axis = call.get("axis", -1)
    return tuple(_one_axis(call, a, x) for a in (axis if isinstance(axis, list) else [axis]))


def _one_axis(call: Call, axis: object, x: Tensor) -> int:
    if type(axis) is not int or not -x.ndim <= axis < x.ndim:
        raise call.unsupported(f"axis={axis!r:.60}")
    return axis % x.ndim
