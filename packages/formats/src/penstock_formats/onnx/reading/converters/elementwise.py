"""Operators that work element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.table import Call, converts

_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Abs": ps.abs,
    "Acos": ps.acos,
    "Acosh": ps.acosh,
    "Asin": ps.asin,
    "Asinh": ps.asinh,
    "Atan": ps.atan,
    "Atanh": ps.atanh,
    "BitwiseNot": ps.ops.bitwise_invert,
    "Ceil": ps.ceil,
    "Cos": ps.cos,
    "Cosh": ps.cosh,
    "Erf": ps.erf,
    "Exp": ps.exp,
    "Floor": ps.floor,
    "HardSwish": ps.hard_swish,
    "IsNaN": ps.isnan,
    "Log": ps.log,
    "Mish": ps.mish,
    "Neg": ps.negative,
    "Not": ps.logical_not,
    "Reciprocal": ps.reciprocal,
    "Relu": ps.relu,
    "Round": ps.round,
    "Sigmoid": ps.sigmoid,
    "Sign": ps.sign,
    "Sin": ps.sin,
    "Sinh": ps.sinh,
    "Softplus": ps.softplus,
    "Softsign": ps.softsign,
    "Sqrt": ps.sqrt,
    "Tan": ps.tan,
    "Tanh": ps.tanh,
}

_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": ps.add,
    "And": ps.logical_and,
    "BitwiseAnd": ps.bitwise_and,
    "BitwiseOr": ps.bitwise_or,
    "BitwiseXor": ps.bitwise_xor,
    "Equal": ps.equal,
    "Greater": ps.greater,
    "GreaterOrEqual": ps.greater_equal,
    "Less": ps.less,
    "LessOrEqual": ps.less_equal,
    "Mul": ps.multiply,
    "Or": ps.logical_or,
    "Sub": ps.subtract,
    "Xor": ps.logical_xor,
}


def _register_unary(op: str, function: Callable[[Tensor], Tensor]) -> None:
    converts(op, elementwise=True)(lambda _call, x: function(x))


def _register_binary(op: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    converts(op, since=7, elementwise=True)(lambda _call, x, y: function(x, y))
    converts(op, tensors=True)(lambda call, x, y: function(x, aligned(call, x, y)))


def aligned(call: Call, x: Tensor, y: Tensor) -> Tensor:
    """Give y the axes that it has in x: before opset 7 an attribute said where they begin."""
    axis = call.attr("axis")
    if axis is None or not call.attr("broadcast", 0) or y.ndim == 0:
        return y
    behind = x.ndim - axis % x.ndim - y.ndim
    return ps.reshape(y, (*y.shape, *[1] * behind))


for _op, _function in _UNARY.items():
    _register_unary(_op, _function)
for _op, _pair in _BINARY.items():
    _register_binary(_op, _pair)


def _is_float(x: Tensor) -> bool:
    return x.dtype.kind in ("float", "complex") or "float" in x.dtype.name


def divide(x: Tensor, y: Tensor) -> Tensor:
    """Divide; integers towards zero."""
    if _is_float(x):
        return ps.divide(x, y)
    quotient = ps.floor_divide(x, y)
    if x.dtype.name.startswith("u"):
        return quotient
    below = ps.logical_and(quotient < 0, ps.not_equal(quotient * y, x))
    return quotient + ps.cast(below, x.dtype)


_register_binary("Div", divide)


@converts("Mod", elementwise=True)
def _mod(call: Call, x: Tensor, y: Tensor) -> Tensor:
    if not call.attr("fmod", 0):
        return ps.remainder(x, y)
    if x.dtype.name.startswith("u"):
        return ps.remainder(x, y)
    rest = ps.remainder(ps.abs(x), ps.abs(y))
    return ps.where(x < 0, ps.negative(rest), rest)


def power(x: Tensor, y: Tensor) -> Tensor:
    """Raise to a power, in the dtype of the base."""
    if _is_float(x) or not _is_float(y):
        return ps.power(x, ps.cast(y, x.dtype))
    return ps.cast(ps.power(ps.cast(x, "float64"), ps.cast(y, "float64")), x.dtype)


_register_binary("Pow", power)


@converts("PRelu", elementwise=True)
def _prelu(call: Call, x: Tensor, slope: Tensor) -> Tensor:
    if call.opset < 7 and slope.ndim == 1 and x.ndim > 1:
        slope = ps.reshape(slope, (*slope.shape, *[1] * (x.ndim - 2)))
    return ps.where(x < 0, slope * x, x)


@converts("Elu", elementwise=True)
def _elu(call: Call, x: Tensor) -> Tensor:
    return ps.elu(x, call.attr("alpha", 1.0))


@converts("Celu", elementwise=True)
def _celu(call: Call, x: Tensor) -> Tensor:
    return ps.celu(x, call.attr("alpha", 1.0))


@converts("Selu", elementwise=True)
def _selu(call: Call, x: Tensor) -> Tensor:
    alpha: float = call.attr("alpha", 1.6732632423543772)
    gamma: float = call.attr("gamma", 1.0507009873554805)
    return ps.elu(x, alpha) * gamma


@converts("LeakyRelu", elementwise=True)
def _leaky_relu(call: Call, x: Tensor) -> Tensor:
    return ps.leaky_relu(x, call.attr("alpha", 0.01))


@converts("ThresholdedRelu", elementwise=True)
def _thresholded_relu(call: Call, x: Tensor) -> Tensor:
    return ps.where(x > call.attr("alpha", 1.0), x, ps.zeros_like(x))


@converts("HardSigmoid", elementwise=True)
def _hard_sigmoid(call: Call, x: Tensor) -> Tensor:
    return ps.clip(x * call.attr("alpha", 0.2) + call.attr("beta", 0.5), 0.0, 1.0)


@converts("Gelu", elementwise=True)
def _gelu(call: Call, x: Tensor) -> Tensor:
    return ps.gelu(x, call.attr("approximate", "none") == "tanh")


@converts("Swish", since=24, elementwise=True)
def _swish(call: Call, x: Tensor) -> Tensor:
    return x * ps.sigmoid(x * call.attr("alpha", 1.0))


@converts("Shrink", elementwise=True)
def _shrink(call: Call, x: Tensor) -> Tensor:
    limit, bias = call.attr("lambd", 0.5), call.attr("bias", 0.0)
    kept = ps.where(x < -limit, x + bias, ps.where(x > limit, x - bias, ps.zeros_like(x)))
    return ps.cast(kept, x.dtype)


@converts("IsInf", elementwise=True)
def _isinf(call: Call, x: Tensor) -> Tensor:
    found = ps.isinf(x)
    if not call.attr("detect_negative", 1):
        found = ps.logical_and(found, x > 0)
    if not call.attr("detect_positive", 1):
        found = ps.logical_and(found, x < 0)
    return found


@converts("Clip", elementwise=True)
def _clip(call: Call, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    bounds: list[Any] = [low, high]
    if call.opset < 11:
        bounds = [call.attr("min"), call.attr("max")]
    if bounds[0] is not None:
        x = ps.maximum(x, bounds[0])
    if bounds[1] is not None:
        x = ps.minimum(x, bounds[1])
    return x


@converts("BitShift", elementwise=True)
def _bit_shift(call: Call, x: Tensor, y: Tensor) -> Tensor:
    left = call.need("direction") == "LEFT"
    return ps.bitwise_left_shift(x, y) if left else ps.bitwise_right_shift(x, y)


@converts("Where", elementwise=True)
def _where(_call: Call, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return ps.where(condition, x, y)


def _folded(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def convert(_call: Call, *xs: Tensor) -> Tensor:
        total = xs[0]
        for x in xs[1:]:
            total = function(total, x)
        return total

    return convert


converts("Sum", elementwise=True)(_folded(ps.add))
converts("Max", elementwise=True)(_folded(ps.maximum))
converts("Min", elementwise=True)(_folded(ps.minimum))


@converts("Mean", elementwise=True)
def _mean(call: Call, *xs: Tensor) -> Tensor:
    total: Tensor = _folded(ps.add)(call, *xs)
    return total / len(xs)
