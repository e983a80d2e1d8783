"""Convolution, dense layers and pooling of quantised numbers, bit for bit those of TensorFlow Lite's reference kernels."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops import _batch
from penstock.ops import _fixed_point as fixed
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._windows import Windows
from penstock.ops.conv import conv2d
from penstock.ops.depthwise import depthwise_conv2d

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, TensorLike

_STEPS = "its results are integers; train with fake_quant in front of the float op"


def _multiplier(op: str, x: Any, scales: Any, y_scale: Any, in_double: bool) -> Any:
    """What sums in steps of both scales are multiplied by; TF Lite rounds the product of single scales to float32."""
    for name, scale in (("x_scale", x), ("scale of weights", scales)):
        fixed.need_positive(op, name, scale)
    product = x.astype(np.float64) * scales.astype(np.float64)
    if not in_double:
        product = product.astype(np.float32).astype(np.float64)
    return product / y_scale.astype(np.float64)


def _sums(conv: Any, x: Any, filter: Any, bias: Any, parameters: Any, attrs: Any) -> Any:
    """Convolve without zero points. float64 holds every sum exactly: products are below 2^17."""
    x_zero, filter_scale, filter_zero = parameters
    del filter_scale
    if filter_zero.ndim:
        filter_zero = filter_zero.reshape(filter.shape[-2:] if conv is depthwise_conv2d else -1)
    image = x.astype(np.float64) - x_zero
    total = conv.reference_fn(image, filter.astype(np.float64) - filter_zero, **attrs)
    return fixed.wrapped(total.astype(np.int64) + bias)


def _conv(op: str, conv: Any, *inputs: Any, activation: Any, **attrs: Any) -> Any:
    x, filter, bias, x_scale, x_zero, filter_scale, filter_zero, y_scale, y_zero = inputs
    in_double = x.dtype == np.int8
    real = _multiplier(op, x_scale, filter_scale, y_scale, in_double)
    total = _sums(conv, x, filter, bias, (x_zero, filter_scale, filter_zero), attrs)
    return fixed.requantized(op, total, real, y_scale, y_zero, activation=activation, dtype=x.dtype)


@op(infer="quantized_conv2d")
def quantized_conv2d(
    x: TensorLike,
    filter: TensorLike,
    bias: TensorLike,
    x_scale: TensorLike,
    x_zero_point: TensorLike,
    filter_scale: TensorLike,
    filter_zero_point: TensorLike,
    y_scale: TensorLike,
    y_zero_point: TensorLike,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
    groups: int = 1,
    activation: str | None = None,
) -> Tensor:
    """Slide filters over quantised images, in integers, as TensorFlow Lite's reference kernel does, bit for bit.

    The sum Σ (x - x_zero_point)·(filter - filter_zero_point) + bias, of 32 bits, times x_scale·filter_scale / y_scale,
    plus y_zero_point. The multiplier has 31 bits and rounds twice. Padding stands for the real number 0.

    Args:
        x: [batch, height, width, channels], int8 or uint8.
        filter: [height, width, channels / groups, filters], of x's dtype.
        bias: [filters], int32, in steps of x_scale·filter_scale; zeros if there is none.
        x_scale: [], float32: what one step of x is worth.
        x_zero_point: [], what stands for 0 in x.
        filter_scale: [], or [filters] for a scale of each filter.
        filter_zero_point: Of filter_scale's shape.
        y_scale: [], what one step of the result is worth.
        y_zero_point: [], what stands for 0 in the result.
        strides: As in conv2d.
        padding: As in conv2d.
        explicit_padding: As in conv2d.
        dilations: As in conv2d.
        groups: As in conv2d.
        activation: None, "relu", "relu6" or "relu_n1_to_1" (-1 to 1): limits of the result.

    Returns:
        [batch, rows, columns, filters], of x's dtype.

    Raises:
        ValueError: The shapes do not fit, a scale is not positive, or an attribute is out of range.
        TypeError: x or the filter is not int8 or uint8, or they differ.

    Example:
        >>> x = penstock.full((1, 2, 2, 1), 10, "int8")
        >>> filter = penstock.full((2, 2, 1, 1), 3, "int8")
        >>> penstock.quantized_conv2d(x, filter, [4], 0.5, 0, 0.1, 0, 0.05, -1)
        Tensor([[[[123]]]], shape=(1, 1, 1, 1), dtype=int8)
    """


quantized_conv2d.batch(_batch.merged)
quantized_conv2d.not_differentiable(_STEPS)


@quantized_conv2d.reference
def _(*inputs: Any, **attrs: Any) -> Any:
    return _conv("quantized_conv2d", conv2d, *inputs, **attrs)


@op(infer="quantized_depthwise_conv2d")
def quantized_depthwise_conv2d(
    x: TensorLike,
    filter: TensorLike,
    bias: TensorLike,
    x_scale: TensorLike,
    x_zero_point: TensorLike,
    filter_scale: TensorLike,
    filter_zero_point: TensorLike,
    y_scale: TensorLike,
    y_zero_point: TensorLike,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
    activation: str | None = None,
) -> Tensor:
    """Slide filters over each channel of quantised images by itself, as TensorFlow Lite does, bit for bit.

    Args:
        x: [batch, height, width, channels], int8 or uint8.
        filter: [height, width, channels, multiplier], of x's dtype.
        bias: [channels * multiplier], int32, in steps of x_scale·filter_scale; zeros if there is none.
        x_scale: [], float32: what one step of x is worth.
        x_zero_point: [], what stands for 0 in x.
        filter_scale: [], or [channels * multiplier] for a scale of each channel of the result.
        filter_zero_point: Of filter_scale's shape.
        y_scale: [], what one step of the result is worth.
        y_zero_point: [], what stands for 0 in the result.
        strides: As in depthwise_conv2d.
        padding: As in depthwise_conv2d.
        explicit_padding: As in depthwise_conv2d.
        dilations: As in depthwise_conv2d.
        activation: None, "relu", "relu6" or "relu_n1_to_1": limits of the result.

    Returns:
        [batch, rows, columns, channels * multiplier], of x's dtype.

    Raises:
        ValueError: The shapes do not fit, a scale is not positive, or an attribute is out of range.
        TypeError: x or the filter is not int8 or uint8, or they differ.

    Example:
        >>> x = penstock.full((1, 1, 2, 2), 10, "uint8")
        >>> filter = penstock.full((1, 2, 2, 1), 3, "uint8")
        >>> penstock.quantized_depthwise_conv2d(x, filter, [0, 40], 1.0, 0, 1.0, 0, 1.0, 5)
        Tensor([[[[ 65, 105]]]], shape=(1, 1, 1, 2), dtype=uint8)
    """


quantized_depthwise_conv2d.batch(_batch.merged)
quantized_depthwise_conv2d.not_differentiable(_STEPS)


@quantized_depthwise_conv2d.reference
def _(*inputs: Any, **attrs: Any) -> Any:
    return _conv("quantized_depthwise_conv2d", depthwise_conv2d, *inputs, **attrs)


@op(infer="quantized_matmul")
def quantized_matmul(
    x: TensorLike,
    weights: TensorLike,
    bias: TensorLike,
    x_scale: TensorLike,
    x_zero_point: TensorLike,
    weights_scale: TensorLike,
    weights_zero_point: TensorLike,
    y_scale: TensorLike,
    y_zero_point: TensorLike,
    transpose_weights: bool = False,
    activation: str | None = None,
) -> Tensor:
    """Multiply quantised rows with a matrix and add a bias, as TensorFlow Lite's fully connected layer, bit for bit.

    The product of sum and multiplier is rounded once, not twice as in convolution.

    Args:
        x: [..., channels in], int8 or uint8.
        weights: [channels in, channels out], of x's dtype; the other way round with `transpose_weights`.
        bias: [channels out], int32, in steps of x_scale·weights_scale; zeros if there is none.
        x_scale: [], float32: what one step of x is worth.
        x_zero_point: [], what stands for 0 in x.
        weights_scale: [], or [channels out] for a scale of each channel.
        weights_zero_point: Of weights_scale's shape.
        y_scale: [], what one step of the result is worth.
        y_zero_point: [], what stands for 0 in the result.
        transpose_weights: The weights are [channels out, channels in], as TensorFlow Lite stores them.
        activation: None, "relu", "relu6" or "relu_n1_to_1": limits of the result.

    Returns:
        [..., channels out], of x's dtype.

    Raises:
        ValueError: The shapes do not fit, a scale is not positive, or the activation is unknown.
        TypeError: x or the weights are not int8 or uint8, or they differ.

    Example:
        >>> x, weights = penstock.full((1, 3), 10, "int8"), penstock.full((3, 1), 4, "int8")
        >>> penstock.quantized_matmul(x, weights, [8], 0.5, 0, 0.25, 0, 0.25, 0)
        Tensor([[64]], shape=(1, 1), dtype=int8)
    """


quantized_matmul.not_differentiable(_STEPS)


@quantized_matmul.reference
def _(x: Any, weights: Any, bias: Any, *parameters: Any, **attrs: Any) -> Any:
    x_scale, x_zero, weights_scale, weights_zero, y_scale, y_zero = parameters
    if attrs["transpose_weights"]:
        weights = weights.T
    real = _multiplier(
        "quantized_matmul", x_scale, weights_scale, y_scale, in_double=bool(weights_scale.ndim)
    )
    total = (x.astype(np.float64) - x_zero) @ (weights.astype(np.float64) - weights_zero)
    return fixed.requantized(
        "quantized_matmul",
        total.astype(np.int64) + bias,
        real,
        y_scale,
        y_zero,
        activation=attrs["activation"],
        dtype=x.dtype,
        once=True,
    )


@op(infer="quantized_avg_pool2d")
def quantized_avg_pool2d(
    x: TensorLike, pool_size: Ints, strides: Ints | None = None, padding: str = "valid"
) -> Tensor:
    """Average quantised numbers over each window, rounded to nearest, halves away from zero.

    Scale and zero point stay. The largest of each window is `max_pool2d`, which takes integers too.

    Args:
        x: [batch, height, width, channels], int8 or uint8.
        pool_size: Height and width of the window: one number, or one for each side.
        strides: Steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same"; padding is not counted.

    Returns:
        [batch, rows, columns, channels], of x's dtype.

    Raises:
        ValueError: x has not 4 axes, the window is larger than the image, or an attribute is out of range.
        TypeError: x is not int8 or uint8.

    Example:
        >>> x = penstock.reshape(penstock.asarray([1, 2, 2, 5], "int8"), (1, 2, 2, 1))
        >>> penstock.quantized_avg_pool2d(x, 2)
        Tensor([[[[3]]]], shape=(1, 1, 1, 1), dtype=int8)
    """


quantized_avg_pool2d.batch(_batch.merged)
quantized_avg_pool2d.not_differentiable(_STEPS)


@quantized_avg_pool2d.reference
def _(x: Any, pool_size: Any, strides: Any, padding: str) -> Any:
    windows = Windows.over(x.shape, pool_size, strides or pool_size, padding)
    total = np.zeros((x.shape[0], *windows.out, x.shape[3]), np.int64)
    count = np.zeros((1, *windows.out, 1), np.int64)
    inside = windows.pad(np.ones((1, *x.shape[1:3], 1), np.int64))
    images = windows.pad(x.astype(np.int64))
    for (_, view), (_, ones) in zip(windows.views(images), windows.views(inside), strict=True):
        total += view
        count += ones
    size = np.abs(total) + count // 2
    return (np.sign(total) * (size // count)).astype(x.dtype)


# ---- samples


def drawn(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    """Draw integers from all that a dtype holds."""
    low, high = fixed.limits(dtype)
    return rng.integers(low, high, shape, endpoint=True).astype(dtype)


def _parameters(rng: np.random.Generator, dtype: str, per_axis: int, depth: int) -> list[Any]:
    """Scales and zero points of x, weights and result, so that results rarely saturate."""
    zero = 0 if dtype == "int8" else 128
    shape = (per_axis,) if per_axis else ()
    filter_scale = rng.uniform(0.001, 0.02, shape).astype("float32")
    spread = 0.05 * 0.02 * 70 * 70 * max(depth, 1) ** 0.5 / 40
    zeros = np.full(shape, zero + (0 if per_axis else 3), "int32")
    x_zero = np.int32(zero - 5)
    return [
        np.float32(0.05),
        x_zero,
        filter_scale,
        zeros,
        np.float32(spread),
        np.int32(zero + 7),
    ]


def _layer(rng: np.random.Generator, x: Any, w: Any, channels: int, per_axis: bool, **attrs: Any):  # type: ignore[no-untyped-def]
    depth = int(np.prod(w.shape[:-1]))
    bias = rng.integers(-5000, 5000, channels).astype("int32")
    parameters = _parameters(rng, x.dtype.name, channels if per_axis else 0, depth)
    return (x, w, bias, *parameters), attrs


_IMAGES: tuple[tuple[str, tuple[int, ...], tuple[int, int], dict[str, Any]], ...] = (
    ("plain", (2, 5, 6, 3), (3, 2), {}),
    ("same, strides", (1, 6, 7, 2), (3, 2), {"strides": (2, 3), "padding": "same"}),
    ("dilations", (1, 7, 7, 5), (3, 2), {"dilations": (2, 3)}),
    ("relu6", (1, 4, 4, 3), (1, 1), {"activation": "relu6"}),
    ("explicit", (1, 4, 4, 1), (3, 3), {"padding": "explicit", "explicit_padding": (0, 2, 1, 3)}),
    ("no images", (0, 4, 4, 1), (2, 2), {}),
    ("large", (1, 33, 31, 35), (3, 3), {"padding": "same", "activation": "relu"}),
)


@quantized_conv2d.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("int8", "uint8"):
        for label, image, window, attrs in _IMAGES:
            for per_axis in (False, True) if dtype == "int8" else (False,):
                x, w = drawn(rng, image, dtype), drawn(rng, (*window, image[3], 9), dtype)
                args, attrs = _layer(rng, x, w, 9, per_axis, **attrs)
                yield Sample(args, attrs, label=f"{label} {dtype}{' per axis' * per_axis}")
    x, w = drawn(rng, (1, 4, 4, 4), "int8"), drawn(rng, (2, 2, 2, 6), "int8")
    args, attrs = _layer(rng, x, w, 6, True, groups=2)
    yield Sample(args, attrs, label="groups")


@quantized_depthwise_conv2d.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("int8", "uint8"):
        for label, image, window, attrs in _IMAGES:
            for multiplier in (1, 2):
                x = drawn(rng, image, dtype)
                w = drawn(rng, (*window, image[3], multiplier), dtype)
                per_axis = dtype == "int8" and multiplier == 2
                args, attrs = _layer(rng, x, w, image[3] * multiplier, per_axis, **attrs)
                yield Sample(args, attrs, label=f"{label} {dtype} {multiplier}")


@quantized_matmul.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    shapes = (((4, 10), 6), ((2, 3, 7), 5), ((9,), 1), ((0, 3), 2), ((33, 260), 70))
    for dtype in ("int8", "uint8"):
        for shape, out in shapes:
            for per_axis in (False, True) if dtype == "int8" else (False,):
                x, w = drawn(rng, shape, dtype), drawn(rng, (shape[-1], out), dtype)
                args, attrs = _layer(rng, x, w, out, per_axis)
                yield Sample(args, attrs, label=f"{shape} {dtype}{' per axis' * per_axis}")
    x, w = drawn(rng, (10, 6), "int8").T, drawn(rng, (4, 10), "int8")
    args, _ = _layer(rng, x, w.T, 4, True)
    attrs = {"transpose_weights": True, "activation": "relu"}
    yield Sample((x, w, *args[2:]), attrs, label="transposed, strided")


@quantized_avg_pool2d.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("int8", "uint8"):
        yield Sample((drawn(rng, (2, 4, 6, 3), dtype), 2), label=dtype)
        x = drawn(rng, (1, 5, 5, 2), dtype)
        yield Sample((x, (2, 3), 1, "same"), label=f"same {dtype}")
        yield Sample((drawn(rng, (1, 7, 7, 70), dtype), 7), label=f"global {dtype}")
    yield Sample((drawn(rng, (0, 4, 4, 1), "int8"), 2), label="no images")
    yield Sample((drawn(rng, (3, 6, 4, 2), "int8").transpose(3, 2, 1, 0), 2), label="strided")


# ---- rejects


def _wrong_layers(x: Any, w: Any, channels: int) -> Iterator[Reject]:
    bias = np.zeros(channels, "int32")
    good = (0.1, 0, 0.1, 0, 0.1, 0)
    yield Reject((x.astype("float32"), w, bias, *good), error=TypeError, match="penstock.quantize")
    yield Reject((x, w.astype("uint8"), bias, *good), error=TypeError, match="requantize")
    yield Reject((x, w, bias[:-1], *good), match="one number for each channel")
    yield Reject((x, w, bias * 0.5, *good), error=TypeError, match="dtype='int32'")
    ones = np.ones(channels + 1, "float32")
    yield Reject((x, w, bias, 0.1, 0, ones, ones.astype(int), 0.1, 0), match="one for each channel")
    yield Reject((x, w, bias, 0.1, 0, 0.1, 0, ones, 0), match="y_scale .*a single number")
    yield Reject((x, w, bias, 0.1, 0, -0.1, 0, 0.1, 0), match="must be positive")
    yield Reject((x, w, bias, 0.1, 0, 0.1, 0, 0.0, 0), match="y_scale of 0.*must be positive")
    yield Reject((x, w, bias, *good), {"activation": "tanh"}, match="use None, 'relu'")


@quantized_conv2d.rejects
def _() -> Iterator[Reject]:
    x, w = np.ones((1, 4, 4, 2), "int8"), np.ones((2, 2, 2, 3), "int8")
    yield from _wrong_layers(x, w, 3)
    yield Reject((x, w[:, :, :1], np.zeros(3, int), 1, 0, 1, 0, 1, 0), match="must equal the third")


@quantized_depthwise_conv2d.rejects
def _() -> Iterator[Reject]:
    x, w = np.ones((1, 4, 4, 2), "int8"), np.ones((2, 2, 2, 2), "int8")
    yield from _wrong_layers(x, w, 4)


@quantized_matmul.rejects
def _() -> Iterator[Reject]:
    x, w = np.ones((1, 4), "int8"), np.ones((4, 3), "int8")
    yield from _wrong_layers(x, w, 3)
    yield Reject((x, w.T, np.zeros(4, int), 1, 0, 1, 0, 1, 0), match="transpose_weights=True")


@quantized_avg_pool2d.rejects
def _() -> Iterator[Reject]:
    x = np.ones((1, 4, 4, 1), "int8")
    yield Reject((x.astype("int32"), 2), error=TypeError, match="expected int8 or uint8")
    yield Reject((x, 5), match="use padding='same', a smaller window")
