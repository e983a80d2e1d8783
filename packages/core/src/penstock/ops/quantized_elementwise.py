"""Quantised numbers added, multiplied, joined, brought to other scales, and softmax; bit for bit TensorFlow Lite's."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops import _batch, _fixed_softmax
from penstock.ops import _fixed_point as fixed
from penstock.ops._declare import Reject, Sample, op
from penstock.ops.quantized_conv import drawn

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, TensorLike

_STEPS = "its results are integers; train with fake_quant behind the float op"
# By how many bits both terms of a sum are raised before they are brought to one scale.
_ROOM = 20


@op(infer="quantized_binary")
def quantized_add(
    x: TensorLike,
    y: TensorLike,
    x_scale: TensorLike,
    x_zero_point: TensorLike,
    y_scale: TensorLike,
    y_zero_point: TensorLike,
    z_scale: TensorLike,
    z_zero_point: TensorLike,
    activation: str | None = None,
) -> Tensor:
    """Add quantised numbers of different scales, in integers, as TensorFlow Lite's reference kernel does, bit for bit.

    Args:
        x: [...], int8 or uint8.
        y: [...], of x's dtype; the shapes must broadcast.
        x_scale: [], float32: what one step of x is worth.
        x_zero_point: [], what stands for 0 in x.
        y_scale: [], what one step of y is worth.
        y_zero_point: [], what stands for 0 in y.
        z_scale: [], what one step of the result is worth.
        z_zero_point: [], what stands for 0 in the result.
        activation: None, "relu", "relu6" or "relu_n1_to_1": limits of the result.

    Returns:
        The broadcast shape, of x's dtype.

    Raises:
        ValueError: The shapes do not broadcast, a scale is not positive, or the activation is unknown.
        TypeError: x or y is not int8 or uint8, or they differ.

    Example:
        >>> x = penstock.asarray([10, 20], "int8")
        >>> penstock.quantized_add(x, x, 0.5, 0, 0.25, 0, 1.0, -3)
        Tensor([ 5, 12], shape=(2,), dtype=int8)
    """


quantized_add.not_differentiable(_STEPS)


@quantized_add.reference
def _(x: Any, y: Any, *parameters: Any, activation: Any) -> Any:
    x_scale, x_zero, y_scale, y_zero, z_scale, z_zero = parameters
    for name, scale in (("x_scale", x_scale), ("y_scale", y_scale), ("z_scale", z_scale)):
        fixed.need_positive("quantized_add", name, scale)
    twice_max = 2.0 * max(float(x_scale), float(y_scale))
    total = np.int64(0)
    for value, scale, zero in ((x, x_scale, x_zero), (y, y_scale, y_zero)):
        raised = (value.astype(np.int64) - zero) << _ROOM
        total = total + fixed.times(raised, *fixed.quantized_multiplier(float(scale) / twice_max))
    real = twice_max / (2.0**_ROOM * float(z_scale))
    return fixed.requantized(
        "quantized_add", total, real, z_scale, z_zero, activation=activation, dtype=x.dtype
    )


@op(infer="quantized_binary")
def quantized_multiply(
    x: TensorLike,
    y: TensorLike,
    x_scale: TensorLike,
    x_zero_point: TensorLike,
    y_scale: TensorLike,
    y_zero_point: TensorLike,
    z_scale: TensorLike,
    z_zero_point: TensorLike,
    activation: str | None = None,
) -> Tensor:
    """Multiply quantised numbers, in integers, as TensorFlow Lite's reference kernel does, bit for bit.

    Args:
        x: [...], int8 or uint8.
        y: [...], of x's dtype; the shapes must broadcast.
        x_scale: [], float32: what one step of x is worth.
        x_zero_point: [], what stands for 0 in x.
        y_scale: [], what one step of y is worth.
        y_zero_point: [], what stands for 0 in y.
        z_scale: [], what one step of the result is worth.
        z_zero_point: [], what stands for 0 in the result.
        activation: None, "relu", "relu6" or "relu_n1_to_1": limits of the result.

    Returns:
        The broadcast shape, of x's dtype.

    Raises:
        ValueError: The shapes do not broadcast, a scale is not positive, or the activation is unknown.
        TypeError: x or y is not int8 or uint8, or they differ.

    Example:
        >>> x = penstock.asarray([10, 20], "int8")
        >>> penstock.quantized_multiply(x, x, 0.5, 0, 0.25, 0, 1.0, -3)
        Tensor([10, 47], shape=(2,), dtype=int8)
    """


quantized_multiply.not_differentiable(_STEPS)


@quantized_multiply.reference
def _(x: Any, y: Any, *parameters: Any, activation: Any) -> Any:
    x_scale, x_zero, y_scale, y_zero, z_scale, z_zero = parameters
    for name, scale in (("x_scale", x_scale), ("y_scale", y_scale), ("z_scale", z_scale)):
        fixed.need_positive("quantized_multiply", name, scale)
    product = (x.astype(np.int64) - x_zero) * (y.astype(np.int64) - y_zero)
    real = np.float32(np.float32(x_scale) * np.float32(y_scale)) / np.float32(z_scale)
    return fixed.requantized(
        "quantized_multiply", product, real, z_scale, z_zero, activation=activation, dtype=x.dtype
    )


@op(infer="requantize")
def requantize(
    x: TensorLike,
    x_scale: TensorLike,
    x_zero_point: TensorLike,
    y_scale: TensorLike,
    y_zero_point: TensorLike,
    dtype: DTypeLike = "int8",
) -> Tensor:
    """Bring quantised numbers to another scale, zero point and dtype, in integers, as TensorFlow Lite does.

    Args:
        x: [...], int8 or uint8.
        x_scale: [], float32: what one step of x is worth.
        x_zero_point: [], what stands for 0 in x.
        y_scale: [], what one step of the result is worth.
        y_zero_point: [], what stands for 0 in the result.
        dtype: int8 or uint8, of the result.

    Returns:
        x's shape, of that dtype.

    Raises:
        ValueError: A scale is not a single positive number.
        TypeError: x or the dtype is not int8 or uint8.

    Example:
        >>> x = penstock.asarray([0, 128, 255], "uint8")
        >>> penstock.requantize(x, 0.5, 128, 1.0, 0)
        Tensor([-64,   0,  64], shape=(3,), dtype=int8)
    """


requantize.not_differentiable(_STEPS)


@requantize.reference
def _(x: Any, x_scale: Any, x_zero: Any, y_scale: Any, y_zero: Any, dtype: Any) -> Any:
    fixed.need_positive("requantize", "x_scale", x_scale)
    fixed.need_positive("requantize", "y_scale", y_scale)
    real = float(x_scale) / float(y_scale)
    steps = x.astype(np.int64) - x_zero
    return fixed.requantized(
        "requantize", steps, real, y_scale, y_zero, activation=None, dtype=dtype
    )


@op(infer="quantized_concat", name="quantized_concat")
def quantized_concat_(
    scales: TensorLike,
    zero_points: TensorLike,
    y_scale: TensorLike,
    y_zero_point: TensorLike,
    xs: Sequence[TensorLike],
    axis: int = 0,
) -> Tensor:
    """Join quantised tensors along an axis, each brought to the scale of the result in float32, as TensorFlow Lite does.

    Args:
        scales: [tensors], float32: what one step of each is worth.
        zero_points: [tensors], what stands for 0 in each.
        y_scale: [], what one step of the result is worth.
        y_zero_point: [], what stands for 0 in the result.
        xs: [...] each, int8 or uint8, all alike; equal sizes except along `axis`.
        axis: The axis to join along.

    Returns:
        The common shape, with the sizes along `axis` added up, of the tensors' dtype.

    Raises:
        ValueError: The shapes do not fit, or a scale is not positive.
        TypeError: The tensors are not all int8 or all uint8.
        IndexError: The tensors have no such axis.

    Example:
        >>> x = penstock.asarray([10, 20], "int8")
        >>> penstock.ops.quantized_concat_([1.0, 0.5], [0, 0], 1.0, 0, [x, x])
        Tensor([10, 20,  5, 10], shape=(4,), dtype=int8)
    """


quantized_concat_.not_differentiable(_STEPS)


@quantized_concat_.reference
def _(scales: Any, zero_points: Any, y_scale: Any, y_zero: Any, *xs: Any, axis: int) -> Any:
    for name, scale in (("scale", scales), ("y_scale", y_scale)):
        fixed.need_positive("quantized_concat", name, scale)
    inverse = np.float32(1) / y_scale.astype(np.float32)
    return np.concatenate(
        [
            _rescaled(x, s, z, inverse, y_scale, y_zero)
            for x, s, z in zip(xs, scales, zero_points, strict=True)
        ],
        axis,
    )


def _rescaled(x: Any, scale: Any, zero: Any, inverse: Any, y_scale: Any, y_zero: Any) -> Any:
    if scale == y_scale and zero == y_zero:
        return x
    factor = np.float32(scale * inverse)
    offset = np.float32(-zero) * factor
    moved = fixed.round_away(x.astype(np.float32) * factor + offset).astype(np.int64) + y_zero
    return np.clip(moved, *fixed.limits(x.dtype)).astype(x.dtype)


def quantized_concat(
    xs: Sequence[TensorLike],
    scales: TensorLike,
    zero_points: TensorLike,
    y_scale: TensorLike,
    y_zero_point: TensorLike,
    axis: int = 0,
) -> Tensor:
    """Join quantised tensors along an axis, each brought to the scale of the result in float32, as TensorFlow Lite does.

    Args:
        xs: [...] each, int8 or uint8, all alike; equal sizes except along `axis`.
        scales: [tensors], float32: what one step of each is worth.
        zero_points: [tensors], what stands for 0 in each.
        y_scale: [], what one step of the result is worth.
        y_zero_point: [], what stands for 0 in the result.
        axis: The axis to join along.

    Returns:
        The common shape, with the sizes along `axis` added up, of the tensors' dtype.

    Raises:
        ValueError: The shapes do not fit, or a scale is not positive.
        TypeError: The tensors are not all int8 or all uint8.
        IndexError: The tensors have no such axis.

    Example:
        >>> x = penstock.asarray([10, 20], "int8")
        >>> penstock.quantized_concat([x, x], [1.0, 0.5], [0, 0], 1.0, 0)
        Tensor([10, 20,  5, 10], shape=(4,), dtype=int8)
    """
    return quantized_concat_(scales, zero_points, y_scale, y_zero_point, xs, axis)


@op(infer="quantized_softmax")
def quantized_softmax(x: TensorLike, x_scale: TensorLike, beta: float = 1.0) -> Tensor:
    """Take the softmax of quantised numbers over the last axis, in integers, as TensorFlow Lite's reference kernel does.

    The result has the scale 1/256, and the zero point 0 for uint8 and -128 for int8.

    Args:
        x: [..., classes], int8 or uint8; its zero point does not matter.
        x_scale: [], float32: what one step of x is worth.
        beta: What the numbers are multiplied by first.

    Returns:
        x's shape and dtype.

    Raises:
        ValueError: x is 0-d, the scale is not a single positive number, or beta is not positive.
        TypeError: x is not int8 or uint8.

    Example:
        >>> penstock.quantized_softmax(penstock.asarray([0, 10, 10], "uint8"), 0.1)
        Tensor([ 40, 108, 108], shape=(3,), dtype=uint8)
    """


quantized_softmax.batch(_batch.leading)
quantized_softmax.not_differentiable(_STEPS)


@quantized_softmax.reference
def _(x: Any, x_scale: Any, beta: float) -> Any:
    fixed.need_positive("quantized_softmax", "x_scale", x_scale)
    return _fixed_softmax.softmax(x, float(x_scale), float(np.float32(beta)))


# ---- samples and rejects


@quantized_add.samples
@quantized_multiply.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = (
        ("plain", (3, 4), (3, 4)),
        ("0-d", (), ()),
        ("broadcast", (2, 1, 3), (4, 1)),
        ("empty", (0, 3), (1, 3)),
        ("large", (5, 4099), (4099,)),
    )
    for dtype, zero in (("int8", 0), ("uint8", 128)):
        for label, a, b in shapes:
            parameters = (np.float32(0.031), zero - 3, np.float32(0.054), zero + 9, 0.07, zero)
            args = (drawn(rng, a, dtype), drawn(rng, b, dtype), *parameters)
            yield Sample(args, {"activation": "relu6"} if a == b else {}, label=f"{label} {dtype}")
    strided = drawn(rng, (4, 6), "int8").T[::2], drawn(rng, (3, 4), "int8")
    yield Sample((*strided, 1.0, 0, 0.5, 1, 2.0, 0), label="strided")


@quantized_add.rejects
@quantized_multiply.rejects
def _() -> Iterator[Reject]:
    x = np.ones(3, "int8")
    good = (1.0, 0, 1.0, 0, 1.0, 0)
    yield Reject((x, x[:2], *good), match="do not broadcast")
    yield Reject((x, x.astype("uint8"), *good), error=TypeError, match="requantize")
    yield Reject((x.astype(float), x, *good), error=TypeError, match="penstock.quantize")
    yield Reject((x, x, 0.0, 0, 1.0, 0, 1.0, 0), match="must be positive")
    yield Reject((x, x, 1.0, 0, 1.0, 0, np.nan, 0), match="z_scale of nan.*must be positive")
    yield Reject((x, x, np.ones(3), 0, 1.0, 0, 1.0, 0), match="a single number")
    yield Reject((x, x, *good, "gelu"), match="use None, 'relu'")


@requantize.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype, zero in (("int8", 0), ("uint8", 128)):
        for to, y_zero in (("int8", -3), ("uint8", 120)):
            args = (drawn(rng, (3, 40), dtype), np.float32(0.031), zero - 3, 0.017, y_zero, to)
            yield Sample(args, label=f"{dtype} to {to}")
    yield Sample((drawn(rng, (40,), "int8"), 0.05, 3, 0.0011, 3), label="finer")
    yield Sample((drawn(rng, (), "int8"), 0.05, 3, 0.05, 3), label="0-d")
    yield Sample((drawn(rng, (0, 2), "int8"), 0.05, 3, 0.1, 3), label="empty")
    yield Sample((drawn(rng, (4, 6), "int8").T[::2], 0.05, 3, 0.1, 3), label="strided")


@requantize.rejects
def _() -> Iterator[Reject]:
    x = np.ones(3, "int8")
    yield Reject((x.astype("int32"), 1.0, 0, 1.0, 0), error=TypeError, match="int8 or uint8")
    yield Reject((x, 1.0, 0, 1.0, 0, "int32"), error=TypeError, match="use int8 or uint8")
    yield Reject((x, 1.0, 0, -1.0, 0), match="y_scale of -1; a scale must be positive")


@quantized_concat_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype, zero in (("int8", 0), ("uint8", 128)):
        scales, zeros = np.array([0.05, 0.031], "float32"), np.array([zero, zero + 4], "int32")
        xs = [drawn(rng, (2, 3, 4), dtype), drawn(rng, (2, 2, 4), dtype)]
        yield Sample((scales, zeros, 0.031, zero + 4, xs, 1), label=dtype)
    x = drawn(rng, (2, 300), "int8")
    yield Sample((np.ones(1, "float32"), np.zeros(1, "int32"), 1.7, 3, [x]), label="one")
    xs = [drawn(rng, (0, 3), "int8"), drawn(rng, (4, 6), "int8").T[::2].T]
    two = np.array([1.0, 0.5], "float32"), np.array([0, 1], "int32")
    yield Sample((*two, 1.0, 0, xs), label="empty and strided")


@quantized_concat_.rejects
def _() -> Iterator[Reject]:
    x, one = np.ones((2, 3), "int8"), np.ones(1)
    yield Reject((one, one.astype(int), 1.0, 0, [x, x]), match="one number for each tensor")
    yield Reject(
        (one, one.astype(int), 1.0, 0, [x.astype(float)]), error=TypeError, match="int8 or uint8"
    )
    yield Reject((one, one.astype(int), 1.0, 0, [x], 2), error=IndexError, match="use -2 to 1")
    yield Reject((one * 0, one.astype(int), 1.0, 0, [x]), match="must be positive")


@quantized_softmax.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("int8", "uint8"):
        for scale in (0.01, 0.1, 1.0):
            yield Sample((drawn(rng, (5, 11), dtype), scale), label=f"{dtype} {scale}")
        yield Sample((drawn(rng, (2, 3, 1001), dtype), 0.05, 0.5), label=f"beta {dtype}")
        yield Sample((drawn(rng, (7, 1), dtype), 0.05), label=f"one class {dtype}")
    yield Sample((drawn(rng, (0, 3), "int8"), 0.05), label="empty")
    yield Sample((drawn(rng, (4, 6), "int8").T[::2], 0.05), label="strided")


@quantized_softmax.rejects
def _() -> Iterator[Reject]:
    x = np.ones((2, 3), "int8")
    yield Reject((x.astype(float), 1.0), error=TypeError, match="penstock.quantize")
    yield Reject((x, 0.0), match="must be positive")
    yield Reject((x, 1.0, -1.0), match="beta=-1; use a positive number")
    yield Reject((x, np.ones(3)), match="a single number")
    yield Reject((x[0, 0], 1.0), match="at least 1 axis")
