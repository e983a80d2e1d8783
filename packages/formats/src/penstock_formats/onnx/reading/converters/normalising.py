"""Normalisations."""

from __future__ import annotations

import math
from typing import Any

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.casting import of_dtype
from penstock_formats.onnx.reading.converters.shaping import padded
from penstock_formats.onnx.reading.file import DTYPES
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value

MOST_CHANNELS = 4096
"""LRN adds up so many neighbours at most, one node for each."""


def _statistic(value: Value) -> Tensor:
    """Return a running mean or variance, which no gradient changes."""
    if value.weight is not None:
        value.weight.is_statistic()
    return value.tensor


@converts("BatchNormalization")
def _batch_norm(
    call: Call, x: Value, scale: Value, offset: Value, mean: Value, variance: Value
) -> Any:
    epsilon = call.attr("epsilon", 1e-5)
    t = x.last if x.ndim > 2 else x.tensor
    trains = call.attr("training_mode", 0) if call.opset >= 14 else call.wants(1)
    if trains:
        return _batch_norm_training(call, x, t, scale, offset, mean, variance)
    made = ps.batch_norm_inference(
        t, _statistic(mean), _statistic(variance), scale.tensor, offset.tensor, epsilon=epsilon
    )
    made = of_dtype(made, x.dtype)
    return Value(last=made) if x.ndim > 2 else Value(made)


def _batch_norm_training(
    call: Call, x: Value, t: Tensor, scale: Value, offset: Value, mean: Value, variance: Value
) -> list[Value]:
    momentum = call.attr("momentum", 0.9)
    axes = tuple(range(t.ndim - 1))
    now_mean = ps.mean(t, axes)
    now_variance = ps.var(t, axes)
    made = ps.batch_norm_inference(
        t, now_mean, now_variance, scale.tensor, offset.tensor, epsilon=call.attr("epsilon", 1e-5)
    )
    made = of_dtype(made, x.dtype)
    running = [
        _statistic(old) * momentum + now * (1 - momentum)
        for old, now in ((mean, now_mean), (variance, now_variance))
    ]
    first = Value(last=made) if x.ndim > 2 else Value(made)
    more = running if call.opset >= 14 else [*running, now_mean, now_variance]
    return [
        first,
        *(
            Value(of_dtype(v, old.dtype))
            for v, old in zip(more, [mean, variance] * 2, strict=False)
        ),
    ]


@converts("InstanceNormalization")
def _instance_norm(call: Call, x: Value, scale: Value, offset: Value) -> Value:
    return Value(
        last=ps.instance_norm(
            x.last, scale.tensor, offset.tensor, epsilon=call.attr("epsilon", 1e-5)
        )
    )


@converts("GroupNormalization")
def _group_norm(call: Call, x: Value, scale: Value, offset: Value) -> Value:
    groups, channels = call.need("num_groups"), x.shape[1]
    factor, shift = scale.tensor, offset.tensor
    if call.opset < 21:  # one number for each group
        factor, shift = (ps.repeat(f, channels // groups, 0) for f in (factor, shift))
    made = ps.group_norm(x.last, factor, shift, groups=groups, epsilon=call.attr("epsilon", 1e-5))
    return Value(last=made)


@converts("LayerNormalization")
def _layer_norm(call: Call, x: Value, scale: Value, offset: Value | None = None) -> list[Tensor]:
    t, epsilon = x.tensor, call.attr("epsilon", 1e-5)
    axis = call.attr("axis", -1) % t.ndim
    if axis == t.ndim - 1 and scale.ndim == 1 and call.count() == 1:
        shift = ps.zeros_like(scale.tensor) if offset is None else offset.tensor
        return [ps.layer_norm(t, scale.tensor, shift, epsilon=epsilon)]
    stash = DTYPES.get(call.attr("stash_type", 1), "float32")
    wide, axes = ps.cast(t, stash), tuple(range(axis, t.ndim))
    mean = ps.mean(wide, axes, keepdims=True)
    centred = wide - mean
    inverse = ps.rsqrt(ps.mean(centred * centred, axes, keepdims=True) + epsilon)
    made = ps.cast(centred * inverse, t.dtype) * scale.tensor
    return [made if offset is None else made + offset.tensor, mean, inverse]


@converts("RMSNormalization")
def _rms_norm(call: Call, x: Value, scale: Value) -> Tensor:
    t, epsilon = x.tensor, call.attr("epsilon", 1e-5)
    axis = call.attr("axis", -1) % t.ndim
    if axis == t.ndim - 1 and scale.ndim == 1:
        return ps.rms_norm(t, scale.tensor, epsilon=epsilon)
    wide = ps.cast(t, DTYPES.get(call.attr("stash_type", 1), "float32"))
    power = ps.mean(wide * wide, tuple(range(axis, t.ndim)), keepdims=True)
    return ps.cast(wide * ps.rsqrt(power + epsilon), t.dtype) * scale.tensor


@converts("LpNormalization", tensors=True)
def _lp_norm(call: Call, x: Tensor) -> Tensor:
    axis = call.attr("axis", -1)
    if call.attr("p", 2) == 1:
        length = ps.sum(ps.abs(x), axis, keepdims=True)
    else:
        length = ps.sqrt(ps.sum(x * x, axis, keepdims=True))
    return ps.divide_no_nan(x, length)


@converts("LRN")
def _lrn(call: Call, x: Value) -> Value:
    size, t = call.need("size"), x.last
    if not 0 < size <= MOST_CHANNELS:
        raise call.wrong(
            f"looks at {size} channels", f"1 to {MOST_CHANNELS} will do: export the model again"
        )
    before, after = (size - 1) // 2, math.ceil((size - 1) / 2)
    squares = padded(t * t, [(0, 0)] * (t.ndim - 1) + [(before, after)])
    total = sum(
        (squares[..., i : i + t.shape[-1]] for i in range(1, size)), squares[..., : t.shape[-1]]
    )
    scale = total * (call.attr("alpha", 1e-4) / size) + call.attr("bias", 1.0)
    return Value(last=t * ps.power(scale, -call.attr("beta", 0.75)))
