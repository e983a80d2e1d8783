"""Arithmetic, rounding, powers and trigonometry, element by element."""

from __future__ import annotations

import math
from typing import Any

from penstock_formats.onnx.writing._table import elementwise
from penstock_formats.onnx.writing._values import FLOATS, UNSIGNED, Value

_SAME = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "negative": "Neg",
    "abs": "Abs",
    "sqrt": "Sqrt",
    "exp": "Exp",
    "log": "Log",
    "sin": "Sin",
    "cos": "Cos",
    "tan": "Tan",
    "asin": "Asin",
    "acos": "Acos",
    "atan": "Atan",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "asinh": "Asinh",
    "acosh": "Acosh",
    "atanh": "Atanh",
    "tanh": "Tanh",
    "erf": "Erf",
    "sign": "Sign",
}


def _named(op_type: str) -> Any:
    return lambda x, *others: x.op(op_type, *others)


for _name, _op_type in _SAME.items():
    elementwise(_name)(_named(_op_type))


def _rounding(op_type: str) -> Any:
    return lambda x: x.op(op_type) if x.dtype in FLOATS else x


for _name, _op_type in {"floor": "Floor", "ceil": "Ceil", "round": "Round"}.items():
    elementwise(_name)(_rounding(_op_type))


@elementwise("identity", "barrier", "stop_gradient", "to_device", "assert_true")
def _(x: Value, **_attrs: Any) -> Value:
    """Pass the value on; ONNX has no assertions."""
    return x.op("Identity")


@elementwise("cast")
def _(x: Value, dtype: Any) -> Value:
    if x.dtype in FLOATS and dtype.name in UNSIGNED and dtype.name != "uint64":
        return x.cast("int64").cast(dtype.name)  # negative numbers wrap
    return x.cast(dtype.name)


@elementwise("trunc")
def _(x: Value) -> Value:
    if x.dtype not in FLOATS:
        return x
    return (x < 0).where(x.op("Ceil"), x.op("Floor"))


@elementwise("square")
def _(x: Value) -> Value:
    return x * x


@elementwise("rsqrt")
def _(x: Value) -> Value:
    return x.op("Sqrt").op("Reciprocal")


@elementwise("reciprocal")
def _(x: Value) -> Value:
    return x.op("Reciprocal") if x.dtype in FLOATS else 1 / x


@elementwise("power")
def _(x: Value, y: Value) -> Value:
    return x.op("Pow", y)


@elementwise("maximum")
def _(x: Value, y: Value) -> Value:
    return x.op("Max", y)


@elementwise("minimum")
def _(x: Value, y: Value) -> Value:
    return x.op("Min", y)


@elementwise("clip")
def _(x: Value, low: Value, high: Value) -> Value:
    return x.op("Max", low).op("Min", high)


@elementwise("floor_divide")
def _(x: Value, y: Value) -> Value:
    return x // y


@elementwise("remainder")
def _(x: Value, y: Value) -> Value:
    return x % y


@elementwise("squared_difference")
def _(x: Value, y: Value) -> Value:
    difference = x - y
    return difference * difference


@elementwise("exp2")
def _(x: Value) -> Value:
    return x.like(2).op("Pow", x)


@elementwise("log2")
def _(x: Value) -> Value:
    return x.op("Log") * (1 / math.log(2))


@elementwise("log10")
def _(x: Value) -> Value:
    return x.op("Log") * (1 / math.log(10))


@elementwise("log1p")
def log1p(x: Value) -> Value:
    """Take log(1 + x); near 0 the rounding of 1 + x is divided out again."""
    whole = x + 1
    part = whole - 1
    near = (part == 0).where(x, whole.op("Log") * (x / (part == 0).where(1, part)))
    return (whole.op("Abs") > 2.0**20).where(whole.op("Log"), near)


@elementwise("expm1")
def _(x: Value) -> Value:
    half = (x * 0.5).op("Tanh")
    near = 2 * half / (1 - half)
    return (x.op("Abs") < 0.5).where(near, x.op("Exp") - 1)


@elementwise("logaddexp")
def logaddexp(x: Value, y: Value) -> Value:
    """Take log(e^x + e^y) from the larger of the two."""
    top, low = x.op("Max", y), x.op("Min", y)
    same = top == low  # among them infinities, whose difference is no number
    return top + log1p(same.where(0, low - top).op("Exp"))


@elementwise("erfc")
def _(x: Value) -> Value:
    return 1 - x.op("Erf")


@elementwise("hypot")
def _(x: Value, y: Value) -> Value:
    x, y = x.op("Abs"), y.op("Abs")
    top, low = x.op("Max", y), x.op("Min", y)
    ratio = low / (top == 0).where(1, top)
    scaled = top * (ratio * ratio + 1).op("Sqrt")
    return (top == math.inf).where(top, scaled)


@elementwise("signbit")
def is_negative(x: Value) -> Value:
    """Tell whether a number has a minus sign; so has -0."""
    if x.dtype not in FLOATS:
        return x < 0
    return (x < 0) | ((x == 0) & (x.op("Reciprocal") < 0))


@elementwise("copysign")
def _(x: Value, y: Value) -> Value:
    size = x.op("Abs")
    return is_negative(y).where(-size, size)


@elementwise("atan2")
def _(y: Value, x: Value) -> Value:
    """Take the angle of (x, y) from the smaller of two quotients."""
    across, up = x.op("Abs"), y.op("Abs")
    top, low = across.op("Max", up), across.op("Min", up)
    both = (across == math.inf) & (up == math.inf)
    ratio = both.where(1, low / (top == 0).where(1, top))
    angle = ratio.op("Atan")
    angle = (up > across).where(math.pi / 2 - angle, angle)
    angle = is_negative(x).where(math.pi - angle, angle)
    return is_negative(y).where(-angle, angle)
