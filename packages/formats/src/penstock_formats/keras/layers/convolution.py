"""Convolutions: plain, depthwise, separable, transposed; with one, two or three sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import nn, ops
from penstock_formats.keras._registry import Config, layer
from penstock_formats.keras.layers.activation import activation
from penstock_formats.keras.layers.core import kernel_and_bias, with_bias

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call


@layer("Conv1D", "Conv2D", "Conv3D", weights=kernel_and_bias)
def _(call: Call, x: Tensor) -> Tensor:
    sides = int(call.class_name[-2])
    x = call.to_last(x)
    filters, groups = call.integer("filters"), call.integer("groups", 1)
    channels = x.shape[-1] // max(groups, 1)
    kernel = call.weight("kernel", *call.sizes("kernel_size", sides), channels, filters)
    y = _convolve(call, x, kernel, sides, groups)
    return _finished(call, y, filters)


@layer(
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    weights=lambda c: [_depthwise_name(c), *kernel_and_bias(c)[1:]],
)
def _(call: Call, x: Tensor) -> Tensor:
    sides = int(call.class_name[-2])
    x = call.to_last(x)
    each = call.integer("depth_multiplier", 1)
    kernel = call.weight(
        _depthwise_name(call.config), *call.sizes("kernel_size", sides), x.shape[-1], each
    )
    y = _convolve(call, x, _as_groups(kernel, x), sides, _channels(x))
    return _finished(call, y, _channels(x) * each)


@layer(
    "SeparableConv1D",
    "SeparableConv2D",
    weights=lambda c: ["depthwise_kernel", "pointwise_kernel", *kernel_and_bias(c)[1:]],
)
def _(call: Call, x: Tensor) -> Tensor:
    sides = int(call.class_name[-2])
    x = call.to_last(x)
    each, filters = call.integer("depth_multiplier", 1), call.integer("filters")
    sizes = call.sizes("kernel_size", sides)
    depthwise = call.weight("depthwise_kernel", *sizes, x.shape[-1], each)
    wide = _channels(x) * each
    pointwise = call.weight("pointwise_kernel", *[1] * sides, wide, filters)
    y = _convolve(call, x, _as_groups(depthwise, x), sides, _channels(x))
    return _finished(call, ops.matmul(y, ops.reshape(pointwise, (wide, filters))), filters)


@layer("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", weights=kernel_and_bias)
def _(call: Call, x: Tensor) -> Tensor:
    sides = int(call.class_name[4])
    x = call.to_last(x)
    filters = call.integer("filters")
    kernel = call.weight("kernel", *call.sizes("kernel_size", sides), filters, x.shape[-1])
    strides, rates = call.sizes("strides", sides, 1), call.sizes("dilation_rate", sides, 1)
    padding, cut, extra = _transposed_padding(call, sides, rates)
    if sides == 1:
        y = nn.conv1d_transpose(
            x,
            kernel,
            strides[0],
            padding,
            rates[0],
            extra[0] if extra else None,
            explicit_padding=cut,
        )
    else:
        spread = nn.conv2d_transpose if sides == 2 else nn.conv3d_transpose
        y = spread(x, kernel, strides, padding, cut, rates, extra)
    return _finished(call, y, filters)


def _transposed_padding(
    call: Call, sides: int, rates: tuple[int, ...]
) -> tuple[str, tuple[int, ...] | None, tuple[int, ...] | None]:
    """Say what is cut off and added; of an odd number of rows Keras cuts the larger half behind."""
    padding = call.choice("padding", "valid", "same")
    if call.get("output_padding", None) is None:
        return padding, None, None
    extra = call.sizes("output_padding", sides)
    if padding == "valid":
        return padding, None, extra
    cut: list[int] = []
    more: list[int] = []
    for size, rate, add in zip(call.sizes("kernel_size", sides), rates, extra, strict=True):
        total = ((size - 1) * rate + 1) // 2 * 2 - add
        cut += [max(total, 0) // 2, max(total, 0) - max(total, 0) // 2]
        more.append(max(-total, 0))
    return "explicit", tuple(cut), tuple(more)


def _convolve(call: Call, x: Tensor, kernel: Tensor, sides: int, groups: int) -> Tensor:
    strides, rates = call.sizes("strides", sides, 1), call.sizes("dilation_rate", sides, 1)
    padding = call.choice("padding", "valid", "same", "causal")
    if padding == "causal":
        past = rates[0] * (call.sizes("kernel_size", sides)[0] - 1)
        x, padding = ops.pad(x, ((0, 0), (past, 0), (0, 0))), "valid"
    if sides == 1:
        return nn.conv1d(x, kernel, strides[0], padding, rates[0], groups)
    convolve = nn.conv2d if sides == 2 else nn.conv3d
    return convolve(x, kernel, strides, padding, dilations=rates, groups=groups)


def _finished(call: Call, y: Tensor, filters: int) -> Tensor:
    return activation(call)(call.from_last(with_bias(call, y, filters)))


def _as_groups(kernel: Tensor, x: Tensor) -> Tensor:
    """Make a filter for as many groups as channels: [..., channels, each] to [..., 1, channels * each]."""
    return ops.reshape(kernel, (*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1]))


def _channels(x: Tensor) -> int:
    return int(x.shape[-1])


def _depthwise_name(config: Config) -> str:
    # Keras 3 calls it kernel, before it was depthwise_kernel; files have only its place.
    return "depthwise_kernel" if "depthwise_initializer" in config else "kernel"
