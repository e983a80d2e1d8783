"""More of `keras.ops.nn`: convolutions and pooling, of 1, 2 or 3 sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config
from penstock_keras_api.layers import windows
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t


def _rank(x: Any, where: str) -> int:
    if x.ndim not in (3, 4, 5):
        raise ShapeError(
            f"[{where}] got inputs of shape {tuple(x.shape)}; give a batch, 1 to 3 sides, and channels"
        )
    return int(x.ndim) - 2


def _same_dtype(x: Any, kernel: Any) -> tuple[Any, Any]:
    dtype = ps.result_type(_f(x), _f(kernel))
    return ps.cast(_t(x), dtype), ps.cast(_t(kernel), dtype)


def average_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Take the mean of windows; see `keras.layers.AveragePooling2D`."""
    fns = (ps.nn.avg_pool1d, ps.nn.avg_pool2d, ps.nn.avg_pool3d)
    return _pooled("average_pool", fns, _f(inputs), pool_size, strides, padding, data_format)


def max_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Take the largest number of windows; see `keras.layers.MaxPooling2D`."""
    fns = (ps.nn.max_pool1d, ps.nn.max_pool2d, ps.nn.max_pool3d)
    return _pooled("max_pool", fns, _t(inputs), pool_size, strides, padding, data_format)


def _pooled(
    where: str,
    fns: Sequence[Any],
    x: Any,
    pool_size: Any,
    strides: Any,
    padding: str,
    data_format: Any,
) -> Any:
    rank, data_format = _rank(x, where), config.standardize_data_format(data_format)
    sizes = windows.sizes_of(pool_size, rank, where, "pool_size")
    steps = sizes if strides is None else windows.sizes_of(strides, rank, where, "strides")
    padding = windows.padding_of(padding, where)
    x = windows.channels_last(x, data_format)
    one = rank == 1
    made = fns[rank - 1](x, sizes[0] if one else sizes, steps[0] if one else steps, padding)
    return windows.channels_back(made, data_format)


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Take means of as many windows as the output has places; see `keras.layers.AdaptiveAveragePooling2D`."""
    return _adaptive(
        "adaptive_average_pool", ps.nn.adaptive_avg_pool, _f(inputs), output_size, data_format
    )


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Take the largest number of as many windows as the output has places; see `keras.layers.AdaptiveMaxPooling2D`."""
    return _adaptive(
        "adaptive_max_pool", ps.nn.adaptive_max_pool, _t(inputs), output_size, data_format
    )


def _adaptive(where: str, fn: Callable[..., Any], x: Any, size: Any, data_format: Any) -> Any:
    data_format = config.standardize_data_format(data_format)
    sizes = windows.sizes_of(size, _rank(x, where), where, "output_size")
    return windows.channels_back(fn(windows.channels_last(x, data_format), sizes), data_format)


def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Slide filters over sides.

    Args:
        inputs: [batch, *sides, channels], or channels second.
        kernel: [*window, channels / groups, filters].
        strides: The steps between windows.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        dilation_rate: The steps between the cells of a window.

    Returns:
        [batch, *sides, filters], or filters second.

    Raises:
        ValueError: The channels do not fit the kernel.
    """
    x, kernel = _same_dtype(inputs, kernel)
    rank, data_format = _rank(x, "conv"), config.standardize_data_format(data_format)
    steps = windows.sizes_of(strides, rank, "conv", "strides")
    rates = windows.sizes_of(dilation_rate, rank, "conv", "dilation_rate")
    padding = windows.padding_of(padding, "conv")
    x = windows.channels_last(x, data_format)
    if x.shape[-1] % kernel.shape[-2]:
        raise InvalidValueError(
            f"[conv] got {x.shape[-1]} channels and a kernel for {kernel.shape[-2]}; use a kernel of shape (*window, "
            "channels / groups, filters)"
        )
    groups = x.shape[-1] // kernel.shape[-2]
    if rank == 1:
        made = ps.nn.conv1d(x, kernel, steps[0], padding, rates[0], groups)
    else:
        fn = ps.nn.conv2d if rank == 2 else ps.nn.conv3d
        made = fn(x, kernel, steps, padding, None, rates, groups)
    return windows.channels_back(made, data_format)


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Let every place spread a filter: the way back through `conv`.

    Args:
        inputs: [batch, *sides, channels], or channels second.
        kernel: [*window, filters, channels].
        strides: How many times larger the output is.
        padding: "valid" or "same".
        output_padding: Places added behind; None for as many as make the output a multiple.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        dilation_rate: The steps between the cells of a window.

    Returns:
        [batch, *sides, filters], or filters second.
    """
    where = "conv_transpose"
    x, kernel = _same_dtype(inputs, kernel)
    rank, data_format = _rank(x, where), config.standardize_data_format(data_format)
    steps = windows.sizes_of(strides, rank, where, "strides")
    rates = windows.sizes_of(dilation_rate, rank, where, "dilation_rate")
    padding = windows.padding_of(padding, where)
    extra = None
    if output_padding is not None:
        extra = windows.sizes_of(output_padding, rank, where, "output_padding", least=0)
    x = windows.channels_last(x, data_format)
    if rank == 1:
        only = None if extra is None else extra[0]
        made = ps.nn.conv1d_transpose(x, kernel, steps[0], padding, rates[0], only)
    else:
        fn = ps.nn.conv2d_transpose if rank == 2 else ps.nn.conv3d_transpose
        made = fn(x, kernel, steps, padding, None, rates, extra)
    return windows.channels_back(made, data_format)


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Slide filters of one channel over 1 or 2 sides; the kernel is [*window, channels, filters of each]."""
    from penstock_keras_api.layers.convolutional.depthwise_conv import depthwise

    where = "depthwise_conv"
    x, kernel = _same_dtype(inputs, kernel)
    rank, data_format = _rank(x, where), config.standardize_data_format(data_format)
    steps = windows.sizes_of(strides, rank, where, "strides")
    rates = windows.sizes_of(dilation_rate, rank, where, "dilation_rate")
    x = windows.channels_last(x, data_format)
    made = depthwise(x, kernel, steps, windows.padding_of(padding, where), rates)
    return windows.channels_back(made, data_format)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Slide filters of one channel, then mix the channels of each place."""
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format)


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        average_pool, max_pool, adaptive_average_pool, adaptive_max_pool, conv, conv_transpose, depthwise_conv,
        separable_conv,
    )
}  # fmt: skip
