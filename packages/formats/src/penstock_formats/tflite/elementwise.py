"""Ops that go element by element, and between quantised and real numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps
from penstock_formats.tflite.building import Call, converts, is_quantized


@converts("ADD", "SUB", "MUL", integers="own")
def arithmetic(c: Call) -> Any:
    """Build a sum, difference or product."""
    if not c.quantized and all(isinstance(v, np.ndarray) for v in c.values):
        return {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply}[c.name](c.x(0), c.x(1))
    if not c.quantized:
        x, y = c.parameter(0), c.parameter(1)
        return c.activated({"ADD": ps.add, "SUB": ps.subtract, "MUL": ps.multiply}[c.name](x, y))
    x, y = c.x(0), c.x(1)
    y_scale, y_zero = c.single(c.info(1))
    if c.name == "SUB":  # of small integers ~y = -y - 1, or 255 - y: the same steps downwards
        y = ~y if isinstance(y, np.ndarray) else ps.bitwise_invert(y)
        y_zero = np.int32(~y_zero if c.info(1).dtype == "int8" else 255 - y_zero)
    op = ps.quantized_multiply if c.name == "MUL" else ps.quantized_add
    return op(
        x,
        y,
        *c.single(c.info(0)),
        y_scale,
        y_zero,
        *c.single(c.output()),
        activation=c.quantized_activation,
    )


def truncated_quotient(x: Any, y: Any) -> Any:
    """Divide integers, and cut off what is behind the point."""
    quotient = ps.floor_divide(x, y)
    inexact = ps.not_equal(quotient * y, x)
    return quotient + ps.cast(inexact & (quotient < 0), quotient.dtype)


@converts("DIV")
def quotient(c: Call) -> Any:
    """Build a quotient; that of integers is cut off."""
    if c.info(0).dtype.startswith("int"):
        return truncated_quotient(c.x(0), c.x(1))
    return c.activated(ps.divide(c.x(0), c.x(1)))


_PLAIN: dict[str, Callable[..., Any]] = {
    "POW": ps.pow,
    "FLOOR_DIV": ps.floor_divide,
    "FLOOR_MOD": ps.remainder,
    "SQUARED_DIFFERENCE": ps.squared_difference,
    "LOGICAL_AND": ps.logical_and,
    "LOGICAL_OR": ps.logical_or,
    "LOGICAL_NOT": ps.logical_not,
    "ATAN2": ps.atan2,
    "ABS": ps.abs,
    "NEG": ps.negative,
    "EXP": ps.exp,
    "LOG": ps.log,
    "SQRT": ps.sqrt,
    "RSQRT": ps.rsqrt,
    "SQUARE": ps.square,
    "SIN": ps.sin,
    "COS": ps.cos,
    "FLOOR": ps.floor,
    "CEIL": ps.ceil,
    "ROUND": ps.round,
    "SIGN": ps.sign,
    "HARD_SWISH": ps.hard_swish,
    "ZEROS_LIKE": ps.zeros_like,
    "BITWISE_XOR": ps.bitwise_xor,
    "RIGHT_SHIFT": ps.bitwise_right_shift,
}


@converts(*_PLAIN)
def plain(c: Call) -> Any:
    """Build an op that Penstock has under another name."""
    return _PLAIN[c.name](*c.xs())


@converts("SELECT", "SELECT_V2", integers="same")
def select(c: Call) -> Any:
    """Choose between two tensors; the older op's condition of one axis chooses rows."""
    condition, rank = c.x(0), c.rank(1)
    if c.name == "SELECT" and c.rank(0) == 1 and rank > 1:
        condition = ps.reshape(condition, (-1,) + (1,) * (rank - 1))
    return ps.where(condition, c.x(1), c.x(2))


@converts("ADD_N")
def add_all(c: Call) -> Any:
    """Add several tensors."""
    total = c.x(0)
    for term in c.xs()[1:]:
        total = ps.add(total, term)
    return total


def _need_same_steps(c: Call) -> None:
    first = c.single(c.info(0))
    infos = [info for info in (*c.infos, *c.outputs) if info is not None and is_quantized(info)]
    if any(c.single(info) != first for info in infos):
        raise c.fail("joins quantised numbers of different scales")


@converts("MAXIMUM", "MINIMUM", integers="own")
def extremes(c: Call) -> Any:
    """Take the larger or smaller of two."""
    if c.quantized:
        _need_same_steps(c)
    return (ps.maximum if c.name == "MAXIMUM" else ps.minimum)(c.x(0), c.x(1))


_COMPARISONS: dict[str, Callable[..., Any]] = {
    "EQUAL": ps.equal,
    "NOT_EQUAL": ps.not_equal,
    "LESS": ps.less,
    "LESS_EQUAL": ps.less_equal,
    "GREATER": ps.greater,
    "GREATER_EQUAL": ps.greater_equal,
}


@converts(*_COMPARISONS)
def compare(c: Call) -> Any:
    """Compare two tensors."""
    return _COMPARISONS[c.name](c.x(0), c.x(1))


@converts("PRELU")
def prelu(c: Call) -> Any:
    """Build a relu with slopes that training changes."""
    return ps.maximum(c.x(0), 0.0) + c.weights(1) * ps.minimum(c.x(0), 0.0)


@converts("CAST", integers="own")
def cast(c: Call) -> Any:
    """Convert to the dtype of the output; numbers are cut off towards zero."""
    if c.x(0).dtype == object:  # sizes
        return c.x(0)
    return ps.cast(c.x(0), c.output().dtype)


@converts("QUANTIZE", integers="own")
def quantize(c: Call) -> Any:
    """Bring real numbers, or integers of another scale, to the output's scale."""
    out = c.output()
    if c.info(0).dtype in ("float32", "float16"):
        return ps.quantize(c.x(0), *c.single(out), dtype=out.dtype)
    if "int16" in (c.info(0).dtype, out.dtype):
        real = ps.dequantize(c.x(0), *c.single(c.info(0)))
        return ps.quantize(real, *c.single(out), dtype=out.dtype)
    return ps.requantize(c.x(0), *c.single(c.info(0)), *c.single(out), dtype=out.dtype)


@converts("DEQUANTIZE", integers="own")
def dequantize(c: Call) -> Any:
    """Turn integers, or floats of 16 bits, into float32."""
    info = c.info(0)
    if info.dtype == "float16":
        return ps.cast(c.x(0), "float32")
    if not is_quantized(info):
        raise c.fail(f"has an input {info} without a scale")
    scale, zero = c.per_channel(0)
    assert info.quantization is not None  # it is quantised
    return ps.dequantize(c.x(0), scale, zero, axis=info.quantization.axis if scale.ndim else -1)
