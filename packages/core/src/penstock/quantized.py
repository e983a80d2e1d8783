"""Quantised tensors: integers that know their scale and zero point, and layers that work on them.

    x = penstock.quantized.quantize(image, dtype="uint8")          the parameters follow from the numbers
    filter = penstock.quantized.quantize(filter, axis=3, symmetric=True)
    y = penstock.quantized.conv2d(x, filter, bias, scale=0.05, zero_point=3, activation="relu")
    y.dequantize()

All arithmetic is in integers, bit for bit that of TensorFlow Lite; see the ops of the same names, `quantized_conv2d`
and so on, which take the parameters one by one. A quantised tensor is a value that functions take and return.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock._native import Tensor
from penstock.errors import InvalidTypeError, InvalidValueError

if TYPE_CHECKING:
    from penstock._native import DType
    from penstock.annotations import Ints, TensorLike

__all__ = [
    "QuantizedTensor",
    "add",
    "avg_pool2d",
    "concat",
    "conv2d",
    "depthwise_conv2d",
    "matmul",
    "max_pool2d",
    "multiply",
    "parameters",
    "quantize",
    "softmax",
]

_LEAST_SCALE = float(np.finfo(np.float32).tiny)


class QuantizedTensor:
    """Hold integers that stand for real numbers: scale · (values - zero_point).

    Args:
        values: [...], int8, uint8, int16 or int32.
        scale: [], or [size of the axis]: what one step is worth.
        zero_point: An integer of the scale's shape: what stands for 0.
        axis: The axis to which the numbers of a scale belong; None for a single scale.

    Raises:
        InvalidValueError: The scale has an axis and `axis` is not given, or the other way round.

    >>> import penstock as ps
    >>> ps.quantized.QuantizedTensor(ps.asarray([0, 10], "int8"), 0.5, 4).dequantize()
    Tensor([-2.,  3.], shape=(2,), dtype=float32)
    """

    __array_ufunc__ = None  # NumPy's arrays leave arithmetic to us

    def __init__(
        self, values: TensorLike, scale: TensorLike, zero_point: TensorLike, axis: int | None = None
    ) -> None:
        self.values = ops.asarray(values)
        self.scale = ops.cast(ops.asarray(scale), "float32")
        self.zero_point = ops.cast(ops.asarray(zero_point), "int32")
        self.axis = axis if axis is None else axis % max(self.values.ndim, 1)
        if (self.scale.ndim == 0) != (axis is None):
            raise InvalidValueError(
                f"[QuantizedTensor] got a scale of shape {self.scale.shape} and axis={axis}; give an axis with a "
                "scale for each of its elements, and none with a single scale"
            )

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes of the axes."""
        return tuple(self.values.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.values.ndim

    @property
    def dtype(self) -> DType:
        """The dtype of the integers."""
        return self.values.dtype

    def dequantize(self, dtype: Any = "float32") -> Tensor:
        """Return the real numbers."""
        axis = -1 if self.axis is None else self.axis
        return ops.dequantize(self.values, self.scale, self.zero_point, axis, dtype)

    def requantize(self, scale: float, zero_point: int, dtype: Any = None) -> QuantizedTensor:
        """Bring the numbers to another scale, zero point and dtype, in integers."""
        values = ops.requantize(
            self.values, self.scale, self.zero_point, scale, zero_point, dtype or self.dtype
        )
        return QuantizedTensor(values, scale, zero_point)

    def reshape(self, shape: Any) -> QuantizedTensor:
        """Give the integers another shape; the scale must be a single one."""
        _need_single(self, "reshape")
        return self._like(ops.reshape(self.values, shape))

    def _like(self, values: Tensor) -> QuantizedTensor:
        return self.__penstock_whole__(values, self.scale, self.zero_point, self.axis)

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the real numbers as a NumPy array."""
        return self.dequantize().numpy()

    def __penstock_tensor__(self) -> Tensor:
        return self.dequantize()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __penstock_parts__(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (self.values, self.scale, self.zero_point), (self.axis,)

    @classmethod
    def __penstock_whole__(
        cls, values: Any, scale: Any, zero_point: Any, axis: Any
    ) -> QuantizedTensor:
        made = cls.__new__(cls)
        made.values, made.scale, made.zero_point, made.axis = values, scale, zero_point, axis
        return made

    def __repr__(self) -> str:
        return (
            f"QuantizedTensor(values={self.values!r}, scale={self.scale!r}, zero_point={self.zero_point!r}, "
            f"axis={self.axis})"
        )


def _need_single(x: QuantizedTensor, name: str) -> None:
    if not isinstance(x, QuantizedTensor):
        raise InvalidTypeError(
            f"[quantized.{name}] got {type(x).__name__}; expected a quantised tensor: penstock.quantized.quantize(x)"
        )
    if x.axis is not None:
        raise InvalidValueError(
            f"[quantized.{name}] got a scale for each element of axis {x.axis}; expected a single one: quantise "
            "without axis=..."
        )


def parameters(
    min: TensorLike, max: TensorLike, dtype: str = "int8", *, symmetric: bool = False
) -> tuple[Tensor, Tensor]:
    """Choose scale and zero point for numbers between two limits; 0 is always exact.

    Args:
        min: [...], the least number.
        max: [...], the largest number.
        dtype: int8 or uint8.
        symmetric: Keep the zero point in the middle, at 0 or 128, and leave the smallest integer out.

    Returns:
        scale and zero_point, of the limits' shape.

    Raises:
        InvalidTypeError: The dtype is neither int8 nor uint8.

    >>> import penstock as ps
    >>> scale, zero = ps.quantized.parameters(-1.0, 4.1, "uint8")
    >>> round(float(scale), 4), int(zero)
    (0.02, 50)
    """
    if str(dtype) not in ("int8", "uint8"):
        raise InvalidTypeError(f"[quantized.parameters] got dtype {dtype}; use 'int8' or 'uint8'")
    lowest = -128 if str(dtype) == "int8" else 0
    low = ops.minimum(ops.cast(ops.asarray(min), "float32"), 0.0)
    high = ops.maximum(ops.cast(ops.asarray(max), "float32"), 0.0)
    scale = ops.maximum(-low, high) / 127.0 if symmetric else (high - low) / 255.0
    # 0 for nothing but zeros; a subnormal one is so coarse that its steps would not reach the limits.
    scale = ops.where(scale == 0, 1.0, ops.maximum(scale, _LEAST_SCALE))
    zero = ops.full_like(scale, lowest + 128) if symmetric else lowest + ops.round(-low / scale)
    return scale, ops.cast(zero, "int32")


def quantize(
    x: TensorLike,
    scale: TensorLike | None = None,
    zero_point: TensorLike | None = None,
    *,
    axis: int | None = None,
    dtype: str = "int8",
    symmetric: bool = False,
) -> QuantizedTensor:
    """Quantise real numbers, with given parameters or with those that fit the numbers.

    Args:
        x: [...], any real dtype.
        scale: [], or [size of the axis]: what one step is worth; None takes what the largest and smallest need.
        zero_point: What stands for 0; None is 0 (128 for uint8) where a scale is given.
        axis: The axis whose elements have a scale each; None for a single scale.
        dtype: int8 or uint8; with a scale also int16 or int32.
        symmetric: Without a scale: keep the zero point in the middle, as TensorFlow Lite wants of weights.

    Returns:
        A quantised tensor of x's shape.

    Raises:
        InvalidTypeError: The dtype is none of these.

    >>> import penstock as ps
    >>> ps.quantized.quantize([-1.0, 0.0, 1.54], dtype="uint8").values
    Tensor([  0, 100, 255], shape=(3,), dtype=uint8)
    """
    x = ops.asarray(x)
    if scale is None:
        others = None if axis is None else [a for a in range(x.ndim) if a != axis % x.ndim]
        lowest, highest = (f(x, others) if others != [] else x for f in (ops.min, ops.max))
        scale, zero_point = parameters(lowest, highest, dtype, symmetric=symmetric)
    elif zero_point is None:
        zero_point = ops.full(
            ops.asarray(scale).shape, 128 if str(dtype) == "uint8" else 0, "int32"
        )
    assert zero_point is not None  # one of the branches above
    values = ops.quantize(x, scale, zero_point, -1 if axis is None else axis, dtype)
    return QuantizedTensor(values, scale, zero_point, axis)


# ---- layers


def _bias(x: QuantizedTensor, weights: QuantizedTensor, bias: Any, channels: Any) -> Tensor:
    """The bias as int32, in steps of both scales multiplied."""
    if bias is None:
        return ops.zeros((channels,), "int32")
    given: Tensor = ops.asarray(bias)
    if given.dtype.kind != "float":
        return given
    scale = x.scale * weights.scale
    return ops.quantize(given, scale, ops.cast(ops.zeros_like(scale), "int32"), 0, "int32")


def _layer(
    op: Any, x: Any, weights: Any, bias: Any, channels: Any, to: Any, **attrs: Any
) -> QuantizedTensor:
    scale, zero_point = to
    values = op(
        x.values,
        weights.values,
        _bias(x, weights, bias, channels),
        x.scale,
        x.zero_point,
        weights.scale,
        weights.zero_point,
        scale,
        zero_point,
        **attrs,
    )
    return QuantizedTensor(values, scale, zero_point)


def _need_weights(weights: Any, name: str, axes: tuple[int, ...]) -> None:
    if not isinstance(weights, QuantizedTensor):
        _need_single(weights, name)
    if weights.axis is not None and weights.axis not in axes:
        raise InvalidValueError(
            f"[quantized.{name}] the weights have a scale for each element of axis {weights.axis}; expected a single "
            f"one, or one for each channel of the result: quantise them with axis={axes[-1]}"
        )


def conv2d(
    x: QuantizedTensor,
    filter: QuantizedTensor,
    bias: TensorLike | None = None,
    *,
    scale: float,
    zero_point: int,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
    groups: int = 1,
    activation: str | None = None,
) -> QuantizedTensor:
    """Slide quantised filters over quantised images; see `quantized_conv2d`.

    Args:
        x: [batch, height, width, channels], with a single scale.
        filter: [height, width, channels / groups, filters], with a single scale or one for each filter.
        bias: [filters], float, or int32 in steps of both scales multiplied.
        scale: What one step of the result is worth.
        zero_point: What stands for 0 in the result.
        strides: As in conv2d.
        padding: As in conv2d.
        explicit_padding: As in conv2d.
        dilations: As in conv2d.
        groups: As in conv2d.
        activation: None, "relu", "relu6" or "relu_n1_to_1".

    Returns:
        [batch, rows, columns, filters], of x's dtype.

    Raises:
        InvalidTypeError: x or the filter is not quantised.

    >>> import penstock as ps
    >>> x = ps.quantized.quantize(ps.ones((1, 3, 3, 1)))
    >>> filter = ps.quantized.quantize(ps.ones((2, 2, 1, 1)), axis=3, symmetric=True)
    >>> ps.quantized.conv2d(x, filter, [1.0], scale=0.05, zero_point=0).dequantize()[0, 0, 0]
    Tensor([5.], shape=(1,), dtype=float32)
    """
    _need_single(x, "conv2d")
    _need_weights(filter, "conv2d", (3,))
    return _layer(
        ops.quantized_conv2d,
        x,
        filter,
        bias,
        filter.shape[3],
        (scale, zero_point),
        strides=strides,
        padding=padding,
        explicit_padding=explicit_padding,
        dilations=dilations,
        groups=groups,
        activation=activation,
    )


def depthwise_conv2d(
    x: QuantizedTensor,
    filter: QuantizedTensor,
    bias: TensorLike | None = None,
    *,
    scale: float,
    zero_point: int,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
    activation: str | None = None,
) -> QuantizedTensor:
    """Slide quantised filters over each channel by itself; see `quantized_depthwise_conv2d`.

    Args:
        x: [batch, height, width, channels], with a single scale.
        filter: [height, width, channels, multiplier], with a single scale, or with one for each channel where the
            multiplier is 1.
        bias: [channels * multiplier], float, or int32 in steps of both scales multiplied.
        scale: What one step of the result is worth.
        zero_point: What stands for 0 in the result.
        strides: As in depthwise_conv2d.
        padding: As in depthwise_conv2d.
        explicit_padding: As in depthwise_conv2d.
        dilations: As in depthwise_conv2d.
        activation: None, "relu", "relu6" or "relu_n1_to_1".

    Returns:
        [batch, rows, columns, channels * multiplier], of x's dtype.

    Raises:
        InvalidTypeError: x or the filter is not quantised.

    >>> import penstock as ps
    >>> x = ps.quantized.quantize(ps.ones((1, 2, 2, 3)))
    >>> filter = ps.quantized.quantize(ps.ones((2, 2, 3, 1)), axis=2, symmetric=True)
    >>> ps.quantized.depthwise_conv2d(x, filter, scale=0.05, zero_point=0).numpy().round(2).tolist()
    [[[[4.0, 4.0, 4.0]]]]
    """
    _need_single(x, "depthwise_conv2d")
    _need_weights(filter, "depthwise_conv2d", (2,))
    return _layer(
        ops.quantized_depthwise_conv2d,
        x,
        filter,
        bias,
        filter.shape[2] * filter.shape[3],
        (scale, zero_point),
        strides=strides,
        padding=padding,
        explicit_padding=explicit_padding,
        dilations=dilations,
        activation=activation,
    )


def matmul(
    x: QuantizedTensor,
    weights: QuantizedTensor,
    bias: TensorLike | None = None,
    *,
    scale: float,
    zero_point: int,
    activation: str | None = None,
) -> QuantizedTensor:
    """Multiply quantised rows with a quantised matrix, and add a bias; see `quantized_matmul`.

    Args:
        x: [..., channels in], with a single scale.
        weights: [channels in, channels out], with a single scale or one for each channel out.
        bias: [channels out], float, or int32 in steps of both scales multiplied.
        scale: What one step of the result is worth.
        zero_point: What stands for 0 in the result.
        activation: None, "relu", "relu6" or "relu_n1_to_1".

    Returns:
        [..., channels out], of x's dtype.

    Raises:
        InvalidTypeError: x or the weights are not quantised.

    >>> import penstock as ps
    >>> x, weights = ps.quantized.quantize([[1.0, -1.0]]), ps.quantized.quantize([[2.0], [1.0]])
    >>> ps.quantized.matmul(x, weights, scale=0.01, zero_point=0).numpy().round(1).tolist()
    [[1.0]]
    """
    _need_single(x, "matmul")
    _need_weights(weights, "matmul", (1,))
    return _layer(
        ops.quantized_matmul,
        x,
        weights,
        bias,
        weights.shape[1],
        (scale, zero_point),
        activation=activation,
    )


# ---- element by element


def _binary(op: Any, name: str, x: Any, y: Any, to: Any, activation: Any) -> QuantizedTensor:
    _need_single(x, name)
    _need_single(y, name)
    pair = (x.scale, x.zero_point, y.scale, y.zero_point)
    return QuantizedTensor(op(x.values, y.values, *pair, *to, activation), *to)


def add(
    x: QuantizedTensor,
    y: QuantizedTensor,
    *,
    scale: float,
    zero_point: int,
    activation: str | None = None,
) -> QuantizedTensor:
    """Add quantised tensors, whose shapes broadcast, to one of the given scale; see `quantized_add`.

    >>> import penstock as ps
    >>> x = ps.quantized.quantize([1.0, 2.0], 0.5)
    >>> ps.quantized.add(x, x, scale=1.0, zero_point=3).values
    Tensor([5, 7], shape=(2,), dtype=int8)
    """
    return _binary(ops.quantized_add, "add", x, y, (scale, zero_point), activation)


def multiply(
    x: QuantizedTensor,
    y: QuantizedTensor,
    *,
    scale: float,
    zero_point: int,
    activation: str | None = None,
) -> QuantizedTensor:
    """Multiply quantised tensors, whose shapes broadcast, to one of the given scale; see `quantized_multiply`.

    >>> import penstock as ps
    >>> x = ps.quantized.quantize([1.0, 2.0], 0.5)
    >>> ps.quantized.multiply(x, x, scale=1.0, zero_point=3).values
    Tensor([4, 7], shape=(2,), dtype=int8)
    """
    return _binary(ops.quantized_multiply, "multiply", x, y, (scale, zero_point), activation)


def concat(
    xs: Sequence[QuantizedTensor], axis: int = 0, *, scale: float, zero_point: int
) -> QuantizedTensor:
    """Join quantised tensors along an axis, each brought to the given scale; see `quantized_concat`.

    >>> import penstock as ps
    >>> x = ps.quantized.quantize([1.0, 2.0], 0.5)
    >>> ps.quantized.concat([x, x], scale=1.0, zero_point=0).values
    Tensor([1, 2, 1, 2], shape=(4,), dtype=int8)
    """
    for x in xs:
        _need_single(x, "concat")
    scales = ops.stack([x.scale for x in xs])
    zeros = ops.stack([x.zero_point for x in xs])
    values = ops.quantized_concat([x.values for x in xs], scales, zeros, scale, zero_point, axis)
    return QuantizedTensor(values, scale, zero_point)


def softmax(x: QuantizedTensor, beta: float = 1.0) -> QuantizedTensor:
    """Take the softmax over the last axis; the result has the scale 1/256. See `quantized_softmax`.

    >>> import penstock as ps
    >>> ps.quantized.softmax(ps.quantized.quantize([1.0, 1.0], 0.5)).dequantize()
    Tensor([0.5, 0.5], shape=(2,), dtype=float32)
    """
    _need_single(x, "softmax")
    zero_point = -128 if x.dtype == "int8" else 0
    return QuantizedTensor(ops.quantized_softmax(x.values, x.scale, beta), 1 / 256, zero_point)


def avg_pool2d(
    x: QuantizedTensor, pool_size: Ints, strides: Ints | None = None, padding: str = "valid"
) -> QuantizedTensor:
    """Average over windows; scale and zero point stay. See `quantized_avg_pool2d`.

    >>> import penstock as ps
    >>> x = ps.quantized.quantize(ps.ones((1, 2, 2, 1)), 0.5)
    >>> ps.quantized.avg_pool2d(x, 2).values
    Tensor([[[[2]]]], shape=(1, 1, 1, 1), dtype=int8)
    """
    _need_single(x, "avg_pool2d")
    return x._like(ops.quantized_avg_pool2d(x.values, pool_size, strides, padding))


def max_pool2d(
    x: QuantizedTensor, pool_size: Ints, strides: Ints | None = None, padding: str = "valid"
) -> QuantizedTensor:
    """Take the largest of each window; scale and zero point stay.

    >>> import penstock as ps
    >>> x = ps.quantized.quantize(ps.ones((1, 2, 2, 1)), 0.5)
    >>> ps.quantized.max_pool2d(x, 2).values
    Tensor([[[[2]]]], shape=(1, 1, 1, 1), dtype=int8)
    """
    _need_single(x, "max_pool2d")
    return x._like(ops.max_pool2d(x.values, pool_size, strides, padding))
