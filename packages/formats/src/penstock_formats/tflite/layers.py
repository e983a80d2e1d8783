"""Convolution, dense layers and pooling: float, quantised, and float with quantised weights."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock_formats.tflite.building import Call, converts, is_quantized


def _bias(c: Call, i: int, channels: Any) -> Any:
    if c.has(i):
        return c.x(i)
    return np.zeros(channels, np.int32)


def _real(c: Call, i: int, values: Any, axis: int) -> Any:
    """Turn a float op's quantised weights into real numbers; `axis` is that of their channels."""
    if not is_quantized(c.info(i)):
        return values
    scale, zero = c.per_channel(i)
    return ps.dequantize(values, scale, zero, axis=axis if scale.ndim else -1)


def _plus(c: Call, y: Any, i: int) -> Any:
    return y + c.weights(i) if c.has(i) else y


def _integer_layer(c: Call, op: Any, filter: Any, channels: int, **attrs: Any) -> Any:
    if c.info(1).dtype != c.info(0).dtype:
        raise c.fail(f"has {c.info(0).dtype} inputs and {c.info(1).dtype} weights")
    return op(
        c.x(0),
        filter,
        _bias(c, 2, channels),
        *c.single(c.info(0)),
        *c.per_channel(1),
        *c.single(c.output()),
        activation=c.quantized_activation,
        **attrs,
    )


def _window(c: Call) -> dict[str, Any]:
    dilations = c.options["dilation_h"], c.options["dilation_w"]
    return {"strides": c.strides, "padding": c.padding, "dilations": dilations}


@converts("CONV_2D", integers="own")
def conv(c: Call) -> Any:
    """Build a convolution; filters come as [filters, height, width, channels]."""
    depth, channels = c.x(0).shape[-1], c.x(1).shape[-1]
    if not isinstance(depth, int) or not channels or depth % channels:
        raise c.fail(f"has {channels} channels in its filters and {depth} in its input")
    attrs = {**_window(c), "groups": depth // channels}
    filter = c.weights(1, axes=(1, 2, 3, 0))
    if c.quantized:
        return _integer_layer(c, ps.quantized_conv2d, filter, filter.shape[-1], **attrs)
    filter = _real(c, 1, filter, 3)
    return c.activated(_plus(c, ps.conv2d(c.x(0), filter, **attrs), 2))


@converts("DEPTHWISE_CONV_2D", integers="own")
def depthwise(c: Call) -> Any:
    """Build a convolution of each channel by itself; filters come as [1, height, width, channels · multiplier]."""
    one, height, width, channels = c.x(1).shape
    depth = c.x(0).shape[-1]
    if one != 1 or not isinstance(depth, int) or not depth or channels % depth:
        raise c.fail(f"has filters of shape {c.x(1).shape} and {depth} channels in its input")
    shape = (height, width, depth, channels // depth)
    filter = c.weights(1, shape=shape)
    if c.quantized:
        op = ps.quantized_depthwise_conv2d
        return _integer_layer(c, op, filter, channels, **_window(c))
    if is_quantized(c.info(1)):
        filter = ps.reshape(_real(c, 1, c.x(1), 3), shape)
    return c.activated(_plus(c, ps.depthwise_conv2d(c.x(0), filter, **_window(c)), 2))


@converts("FULLY_CONNECTED", integers="own")
def dense(c: Call) -> Any:
    """Build a dense layer; weights come as [channels out, channels in]."""
    if c.options["weights_format"]:
        raise c.fail("has its weights shuffled")
    out, inner = c.x(1).shape
    x = c.x(0)
    rows = x if c.options["keep_dims"] else ps.reshape(x, (-1, inner))
    c.values[0] = rows
    weights = c.weights(1, axes=(1, 0))
    if c.quantized:
        return _integer_layer(c, ps.quantized_matmul, weights, out)
    return c.activated(_plus(c, ps.matmul(rows, _real(c, 1, weights, 1)), 2))


@converts("TRANSPOSE_CONV")
def transposed(c: Call) -> Any:
    """Build a transposed convolution; filters come as [channels out, height, width, channels in]."""
    filter = c.weights(1, axes=(1, 2, 0, 3))
    _, height, width, _ = c.ints(0)
    x, (down, across) = c.x(2), c.strides
    y = ps.conv2d_transpose(x, filter, c.strides, "valid")
    top, left = 0, 0
    if c.padding == "same":
        top = max((x.shape[1] - 1) * down + filter.shape[0] - height, 0) // 2
        left = max((x.shape[2] - 1) * across + filter.shape[1] - width, 0) // 2
    below, right = (
        max(n - m, 0) for n, m in ((height + top, y.shape[1]), (width + left, y.shape[2]))
    )
    y = ps.pad(y, ((0, 0), (0, below), (0, right), (0, 0)))
    return c.activated(_plus(c, y[:, top : top + height, left : left + width], 3))


@converts("BATCH_MATMUL")
def batch_matmul(c: Call) -> Any:
    """Build a product of stacks of matrices."""
    a, b = (
        ps.swapaxes(c.x(i), -1, -2) if c.options[name] else c.x(i)
        for i, name in enumerate(("transpose_x", "transpose_y"))
    )
    return ps.matmul(a, b)


@converts("AVERAGE_POOL_2D", "MAX_POOL_2D", integers="own")
def pool(c: Call) -> Any:
    """Build pooling."""
    size, average = (c.options["height"], c.options["width"]), c.name == "AVERAGE_POOL_2D"
    if not c.quantized:
        op = ps.avg_pool2d if average else ps.max_pool2d
        return c.activated(op(c.x(0), size, c.strides, c.padding))
    op = ps.quantized_avg_pool2d if average else ps.max_pool2d
    return limited_by_activation(c, op(c.x(0), size, c.strides, c.padding))


def _steps(real: float, scale: Any) -> int:
    """Round to whole steps, halves away from zero."""
    steps = float(np.float32(real) / scale)
    return int(np.trunc(steps + np.copysign(0.5, steps)))


def limited_by_activation(c: Call, y: Any) -> Any:
    """Keep integers inside the range that an activation allows."""
    scale, zero = c.single(c.output())
    info = np.iinfo(c.output().dtype)
    bottom, top = {"relu": (0.0, None), "relu6": (0.0, 6.0), "relu_n1_to_1": (-1.0, 1.0)}.get(
        c.quantized_activation or "", (None, None)
    )
    low, high = int(info.min), int(info.max)
    if bottom is not None:
        low = max(low, int(zero) + _steps(bottom, scale))
    if top is not None:
        high = min(high, int(zero) + _steps(top, scale))
    return y if (low, high) == (info.min, info.max) else ps.clip(y, low, high)
