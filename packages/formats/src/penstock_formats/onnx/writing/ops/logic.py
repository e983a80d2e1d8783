"""Comparisons, logic, bits and tests of numbers, element by element."""

from __future__ import annotations

from typing import Any

from penstock_formats.onnx.writing._table import elementwise
from penstock_formats.onnx.writing._values import FLOATS, UNSIGNED, Value

_COMPARISONS = {
    "equal": "Equal",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
}
_LOGIC = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
_BITS = {"bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor", "bitwise_invert": "Not"}


def _comparison(op_type: str) -> Any:
    def compare(x: Value, y: Value) -> Value:
        if x.dtype == "bool" and op_type != "Equal":  # ONNX orders numbers only
            x, y = x.cast("int32"), y.cast("int32")
        return x.op(op_type, y, dtype="bool")

    return compare


def _on_bools(op_type: str) -> Any:
    return lambda x, y: x.cast("bool").op(op_type, y.cast("bool"))


def _on_bits(op_type: str) -> Any:
    return lambda x, *y: x.op(op_type if x.dtype == "bool" else f"Bitwise{op_type}", *y)


for _name, _op_type in _COMPARISONS.items():
    elementwise(_name)(_comparison(_op_type))
for _name, _op_type in _LOGIC.items():
    elementwise(_name)(_on_bools(_op_type))
for _name, _op_type in _BITS.items():
    elementwise(_name)(_on_bits(_op_type))


@elementwise("not_equal")
def _(x: Value, y: Value) -> Value:
    return ~x.op("Equal", y, dtype="bool")


@elementwise("logical_not")
def _(x: Value) -> Value:
    return ~x.cast("bool")


@elementwise("where")
def _(condition: Value, x: Value, y: Value) -> Value:
    return condition.cast("bool").where(x, y)


@elementwise("isnan")
def _(x: Value) -> Value:
    return x.op("IsNaN", dtype="bool") if x.dtype in FLOATS else x != x


@elementwise("isinf")
def _(x: Value) -> Value:
    return x.op("IsInf", dtype="bool") if x.dtype in FLOATS else x != x


@elementwise("isfinite")
def _(x: Value) -> Value:
    if x.dtype not in FLOATS:
        return x == x
    return ~(x.op("IsInf", dtype="bool") | x.op("IsNaN", dtype="bool"))


def _shifted(x: Value, y: Value, direction: str) -> Value:
    """Shift as uint64, the only way in which ONNX can; y beyond the width leaves nothing."""
    far = y.cast("int64") >= _width(x)
    by = far.where(0, y.cast("int64")).cast("uint64")
    moved = x.cast("uint64").op("BitShift", by, direction=direction).cast(x.dtype)
    return far.where(x.like(0), moved)


def _width(x: Value) -> int:
    return int(x.dtype.removeprefix("u").removeprefix("int"))


@elementwise("bitwise_left_shift")
def _(x: Value, y: Value) -> Value:
    return _shifted(x, y, "LEFT")


@elementwise("bitwise_right_shift")
def _(x: Value, y: Value) -> Value:
    if x.dtype in UNSIGNED:
        return _shifted(x, y, "RIGHT")
    # The sign goes on to the left: what shifts in are ones.
    negative = x < 0
    moved = _shifted(negative.where(x.op("BitwiseNot"), x), y, "RIGHT")
    return negative.where(moved.op("BitwiseNot"), moved)
