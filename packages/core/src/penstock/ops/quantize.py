"""Between real numbers and integers with a scale and a zero point: real = scale · (integer - zero_point)."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _fixed_point as fixed
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import FLOATS, array, no_broadcast

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, TensorLike


def _single(x: Any) -> Any:
    """At least float32, in which TensorFlow rounds."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _along(parameter: Any, x: Any, axis: int) -> Any:
    """Bring a parameter to x's number of axes, with its numbers along `axis`."""
    if not parameter.ndim:
        return parameter
    return parameter.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


@op(infer="quantize")
def quantize(
    x: TensorLike,
    scale: TensorLike,
    zero_point: TensorLike,
    axis: int = -1,
    dtype: DTypeLike = "int8",
) -> Tensor:
    """Quantise real numbers: round(x / scale) + zero_point, kept inside the dtype.

    Halves round away from zero, as in TensorFlow Lite. NaN becomes the zero point.

    Args:
        x: [...], any real dtype.
        scale: [], or [size of the axis]: what one step is worth, positive.
        zero_point: An integer of the scale's shape: what stands for 0.
        axis: The axis to which the numbers of a scale with an axis belong.
        dtype: int8, uint8, int16 or int32.

    Returns:
        x's shape, of that dtype.

    Raises:
        ValueError: The scale or the zero point has another shape, or a scale is not positive.
        TypeError: x is complex or a string tensor, or the dtype is none of these.
        IndexError: The axis is out of range.

    Example:
        >>> penstock.quantize([-1.0, 0.0, 0.26, 100.0], 0.1, 3)
        Tensor([ -7,   3,   6, 127], shape=(4,), dtype=int8)
    """


@quantize.reference
def _(x: Any, scale: Any, zero_point: Any, axis: int, dtype: Any) -> Any:
    fixed.need_positive("quantize", "scale", scale)
    low, high = fixed.limits(dtype)
    x = _single(x)
    zero = _along(zero_point.astype(np.int64), x, axis)
    steps = fixed.round_away(x / _along(scale.astype(x.dtype), x, axis)).astype(np.float64)
    steps = np.where(np.isnan(steps), 0.0, steps)
    return np.clip(np.clip(steps, -(2.0**40), 2.0**40) + zero, low, high).astype(dtype)


quantize.not_differentiable(
    "its results are integers; train with fake_quant, which lets gradients pass"
)


@quantize.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (3, 4), dtype), np.float32(0.02), 3), label=dtype)
    x = array(rng, (3, 4), "float32")
    yield Sample((x, 0.02, 120), {"dtype": "uint8"}, label="uint8")
    yield Sample((x, 1e-4, -7), {"dtype": "int16"}, label="int16")
    yield Sample((x, 1e-8, 0), {"dtype": "int32"}, label="int32")
    per_row = np.array([0.1, 0.01, 0.3], "float32"), np.array([0, -3, 5], "int32")
    yield Sample((x, *per_row), {"axis": 0}, label="per axis")
    yield Sample((array(rng, (2, 3), "float32"), *per_row), label="per last axis")
    halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], "float32")
    yield Sample((halves, 1.0, 0), label="halves")
    odd = np.array([np.nan, np.inf, -np.inf, -0.0, 1e30], "float32")
    yield Sample((odd, 0.5, 10), label="special")
    yield Sample((np.array([1, 2]), 0.5, 10), label="integers")
    yield Sample((np.array(1.0, "float32"), 0.5, 10), label="0-d")
    yield Sample((np.zeros((0, 3), "float32"), *per_row), {"axis": 1}, label="empty")
    yield Sample((array(rng, (4, 6), "float32").T[::2], *per_row), {"axis": 0}, label="strided")
    yield Sample((array(rng, (37, 4099), "float32"), 0.02, 0), label="large")


@quantize.rejects
def _() -> Iterator[Reject]:
    x = np.ones((2, 3), "float32")
    yield Reject((x, np.ones(2), np.zeros(2, int)), match="one for each of the 3 along axis 1")
    yield Reject((x, np.ones(3), 0), match="zero_point has shape .* the shape of scale")
    yield Reject((x, 0.0, 0), match="must be positive.*/ 255")
    yield Reject((x, 1.0, 0.5), error=TypeError, match="expected integers; convert it")
    yield Reject((x, np.ones(2), np.zeros(2, int), 2), error=IndexError, match="use -2 to 1")
    yield Reject((x, 1.0, 0, 0, "int64"), error=TypeError, match="use int8, uint8, int16 or int32")


@op(infer="dequantize")
def dequantize(
    x: TensorLike,
    scale: TensorLike,
    zero_point: TensorLike,
    axis: int = -1,
    dtype: DTypeLike = "float32",
) -> Tensor:
    """Turn quantised numbers back into real ones: scale · (x - zero_point), rounded once.

    Args:
        x: [...], int8, uint8, int16 or int32.
        scale: [], or [size of the axis]: what one step is worth.
        zero_point: An integer of the scale's shape: what stands for 0.
        axis: The axis to which the numbers of a scale with an axis belong.
        dtype: A float dtype.

    Returns:
        x's shape, of that dtype.

    Raises:
        ValueError: The scale or the zero point has another shape.
        TypeError: x is not quantised, or the dtype is not a float.
        IndexError: The axis is out of range.

    Example:
        >>> penstock.dequantize(penstock.asarray([-7, 3, 6], "int8"), 0.5, 3)
        Tensor([-5. ,  0. ,  1.5], shape=(3,), dtype=float32)
    """


@dequantize.reference
def _(x: Any, scale: Any, zero_point: Any, axis: int, dtype: Any) -> Any:
    steps = x.astype(np.int64) - _along(zero_point.astype(np.int64), x, axis)
    return (_along(scale.astype(np.float64), x, axis) * steps).astype(dtype)


@dequantize.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, scale, zero_point = node.inputs
    if not node.needs(1):
        return None, None, None
    axis = node.attrs["axis"]
    others = None if not scale.ndim else tuple(i for i in range(x.ndim) if i != axis)
    if scale.ndim:
        zero_point = ops.reshape(zero_point, [-1 if i == axis else 1 for i in range(x.ndim)])
    steps = ops.cast(ops.cast(x, "int64") - ops.cast(zero_point, "int64"), dy.dtype)
    return None, ops.cast(ops.sum(dy * steps, others), scale.dtype), None


@dequantize.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def q(shape: tuple[int, ...], dtype: str = "int8") -> Any:
        low, high = fixed.limits(dtype)
        return rng.integers(low, high, shape, endpoint=True).astype(dtype)

    for dtype in ("int8", "uint8", "int16", "int32"):
        yield Sample((q((3, 4), dtype), np.float32(0.02), 3), label=dtype)
    for kind in ("float64", "float16"):
        yield Sample((q((3, 4)), 0.02, -3), {"dtype": kind}, label=kind)
    per_row = np.array([0.1, 0.01, 0.3], "float32"), np.array([0, -3, 5], "int32")
    yield Sample((q((3, 4)), *per_row), {"axis": 0}, label="per axis")
    yield Sample((q(()), 0.5, 10), label="0-d")
    yield Sample((q((0, 3)), *per_row), {"axis": 1}, label="empty")
    yield Sample((q((4, 6)).T[::2], *per_row), {"axis": 0}, label="strided")
    yield Sample((q((37, 4099)), 0.02, 0), label="large")


@dequantize.rejects
def _() -> Iterator[Reject]:
    x = np.ones((2, 3), "int8")
    yield Reject((x, np.ones(2), np.zeros(2, int)), match="one for each of the 3 along axis 1")
    yield Reject((x.astype("float32"), 1.0, 0), error=TypeError, match="penstock.quantize")
    yield Reject((x, 1.0, 0, -1, "int8"), error=TypeError, match="dtype int8; use a float")


# ---- fake quantisation: float numbers that went through integers


@op(infer="fake_quant", broadcasts=True)
def fake_quant(
    x: TensorLike,
    min: TensorLike,
    max: TensorLike,
    num_bits: int = 8,
    narrow_range: bool = False,
) -> Tensor:
    """Round numbers to the steps that integers between `min` and `max` would have, for training with quantisation.

    The limits are moved a little, so that 0 is a step; where both are 0, so is the result. Gradients go straight through inside the limits; outside they
    go to the limit. The numbers are those of TensorFlow's fake_quant_with_min_max_vars.

    Args:
        x: [...], any real dtype; integers are taken as float32.
        min: The least number, not above 0: [], or [channels] for the last axis. Shapes broadcast.
        max: The largest number, not below 0 and above `min`, of such a shape.
        num_bits: Bits of the integers, 2 to 16.
        narrow_range: Leave the smallest integer out, so that weights are symmetric.

    Returns:
        The broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast, or num_bits is out of range.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.fake_quant([-2.0, 0.1, 0.6, 3.0], -1.0, 2.0, num_bits=2)
        Tensor([-1.,  0.,  1.,  2.], shape=(4,), dtype=float32)
    """


def _top(attrs: Any) -> tuple[float, float]:
    return (1.0 if attrs["narrow_range"] else 0.0), float(2 ** attrs["num_bits"] - 1)


@fake_quant.reference
def _(x: Any, min: Any, max: Any, **attrs: Any) -> Any:
    x, min, max = _single(x), _single(min), _single(max)
    kind = x.dtype.type
    first, last = (kind(v) for v in _top(attrs))
    scale = (max - min) / (last - first)
    zero = np.clip(fixed.round_away(first - min / scale), first, last).astype(x.dtype)
    low, high = (first - zero) * scale, (last - zero) * scale
    inverse = kind(1) / scale
    inside = np.clip(x, low, high) - low
    steps = np.floor(inside * inverse - np.floor(-low * inverse + kind(0.5)) + kind(0.5))
    return np.where(scale == 0, kind(0), steps * scale)


def _limits(node: Node) -> tuple[Tensor, Tensor]:
    """The least and the largest number, moved so that 0 is a step."""
    _, low, high = node.inputs
    first, last = _top(node.attrs)
    scale = (high - low) / (last - first)
    zero = first - low / scale
    whole = ops.floor(zero)
    zero = ops.clip(whole + ops.cast(zero - whole >= 0.5, zero.dtype), first, last)
    return (first - zero) * scale, (last - zero) * scale


@fake_quant.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, min, max = node.inputs
    low, high = _limits(node)
    below, above = x < low, x > high
    return (
        sum_to(ops.where(below | above, 0.0, dy), x) if node.needs(0) else None,
        sum_to(ops.where(below, dy, 0.0), min) if node.needs(1) else None,
        sum_to(ops.where(above, dy, 0.0), max) if node.needs(2) else None,
    )


@fake_quant.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def one(args: Any, label: str, **attrs: Any) -> Sample:
        return Sample(args, attrs, differentiable=False, label=label)  # a staircase

    for dtype in FLOATS:
        yield one((array(rng, (3, 4), dtype), -1.5, 2.0), dtype)
    x = array(rng, (3, 4), "float32")
    yield one((x, -1.5, 2.0), "four bits, narrow", num_bits=4, narrow_range=True)
    per_channel = (array(rng, (4,), "float32", -2, -0.1), array(rng, (4,), "float32", 0.1, 2))
    yield one((x, *per_channel), "per channel")
    yield one((x, 0.0, 2.0), "not negative")
    yield one((x, -1.0, 0.0), "not positive")
    yield one((x, 0.0, 0.0), "nothing")
    yield one((np.array(0.3, "float32"), -1.0, 1.0), "0-d")
    yield one((np.zeros((0, 4), "float32"), *per_channel), "empty")
    yield one((array(rng, (4, 6), "float32").T[::2], -1.0, 1.0), "strided")
    yield one((array(rng, (37, 4099), "float32"), -1.0, 1.0), "large")


@fake_quant.rejects
def _() -> Iterator[Reject]:
    yield from no_broadcast_of_three()
    yield Reject((np.ones(2, "float32"), -1.0, 1.0, 1), match="use a number from 2 to 16")


def no_broadcast_of_three() -> Iterator[Reject]:
    """Reject limits whose shape does not broadcast with x."""
    for reject in no_broadcast():
        x, y = reject.args
        yield Reject((x, y, 1.0), match=reject.match)
