"""Elementwise ops as expressions of C. Operands are names of variables, so they may be used twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from penstock.errors import FormatError
from penstock_formats.c_source.code import Code
from penstock_formats.c_source.values import C_TYPES


class Arithmetic:
    """Writes expressions of one dtype.

    Args:
        code: Where they go.
        op: The op, for messages.
        dtype: In which is computed.
        attrs: The op's attributes.
    """

    def __init__(self, code: Code, op: str, dtype: str, attrs: Mapping[str, Any]) -> None:
        self._code, self._op = code, op
        self.dtype, self.attrs = dtype, attrs

    @property
    def is_float(self) -> bool:
        """Whether the dtype holds real numbers."""
        return self.dtype.startswith("float")

    @property
    def signed(self) -> bool:
        """Whether there are negative numbers."""
        return not self.dtype.startswith(("uint", "bool"))

    @property
    def bits(self) -> int:
        """How many bits a number has."""
        return int(np.dtype(self.dtype).itemsize) * 8

    def fn(self, name: str, *args: str) -> str:
        """Call a function of libm, which exists for floats alone."""
        if not self.is_float:
            raise FormatError(
                f"[c_source] {self._op} of {self.dtype} is not written in C; cast to float32 first: "
                "penstock.cast(x, 'float32')"
            )
        return self._code.math(f"{name}f" if self.dtype == "float32" else name, *args)

    def n(self, number: float) -> str:
        """Write a number of the dtype."""
        return self._code.number(number, self.dtype)

    def wrapping(self, sign: str, a: str, b: str) -> str:
        """Compute integers modulo 2^bits, floats as they are."""
        if self.is_float:
            return f"{a} {sign} {b}"
        c_type = C_TYPES[self.dtype]
        if self.dtype in ("int32", "int64"):
            return f"({c_type})((u{c_type}){a} {sign} (u{c_type}){b})"
        if self.dtype == "uint16":  # a product would be an int, and too large for one
            return f"({c_type})((uint32_t){a} {sign} {b})"
        return f"({c_type})({a} {sign} {b})"

    def clipped(self, x: str, low: str, high: str) -> str:
        """Keep x between two numbers; NaN stays."""
        return f"{x} < {low} ? {low} : {x} > {high} ? {high} : {x}"

    def larger(self, a: str, b: str) -> str:
        """Take the larger of two; NaN wins."""
        return f"{a} > {b} || {a} != {a} ? {a} : {b}" if self.is_float else f"{a} > {b} ? {a} : {b}"

    def smaller(self, a: str, b: str) -> str:
        """Take the smaller of two; NaN wins."""
        return f"{a} < {b} || {a} != {a} ? {a} : {b}" if self.is_float else f"{a} < {b} ? {a} : {b}"


Write = Callable[..., str]


def _calls(name: str) -> Write:
    return lambda m, *args: m.fn(name, *args)


def _rounds(name: str) -> Write:
    return lambda m, x: m.fn(name, x) if m.is_float else x


def _compares(sign: str) -> Write:
    return lambda m, a, b: f"{a} {sign} {b}"


def _negative(m: Arithmetic, x: str) -> str:
    return f"-{x}" if m.is_float else m.wrapping("-", "0", x)


def _abs(m: Arithmetic, x: str) -> str:
    return (
        m.fn("fabs", x) if m.is_float else f"{x} < 0 ? {_negative(m, x)} : {x}" if m.signed else x
    )


def _sign(m: Arithmetic, x: str) -> str:
    if not m.signed:
        return f"{x} > 0"
    other = x if m.is_float else "0"  # NaN and signed zeros stay
    return f"{x} > 0 ? {m.n(1)} : {x} < 0 ? {m.n(-1)} : {other}"


def _relu(m: Arithmetic, x: str) -> str:
    return f"{x} < {m.n(0)} ? {m.n(0)} : {x}" if m.signed else x


def _sigmoid(m: Arithmetic, x: str) -> str:
    return f"{m.n(1)} / ({m.n(1)} + {m.fn('exp', f'-{x}')})"


def _bounded(m: Arithmetic, x: str) -> str:
    """Write min(max(x + 3, 0), 6)."""
    moved = f"{x} + {m.n(3)}"
    return f"({x} < {m.n(-3)} ? {m.n(0)} : {x} > {m.n(3)} ? {m.n(6)} : {moved})"


def _softplus(m: Arithmetic, x: str) -> str:
    return f"{m.fn('fmax', x, m.n(0))} + {m.fn('log1p', m.fn('exp', '-' + m.fn('fabs', x)))}"


def _gelu(m: Arithmetic, x: str) -> str:
    if m.attrs.get("approximate"):
        inner = f"{m.n(1.5957691216057308)} * {x} * ({m.n(1)} + {m.n(0.044715)} * {x} * {x})"
        return f"{x} / ({m.n(1)} + {m.fn('exp', f'-({inner})')})"
    return f"{m.n(0.5)} * {x} * {m.fn('erfc', f'{x} * {m.n(-0.7071067811865476)}')}"


def _elu(m: Arithmetic, x: str) -> str:
    return f"{x} > {m.n(0)} ? {x} : {m.n(m.attrs['alpha'])} * {m.fn('expm1', x)}"


def _selu(m: Arithmetic, x: str) -> str:
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return f"{x} > {m.n(0)} ? {m.n(scale)} * {x} : {m.n(scale * alpha)} * {m.fn('expm1', x)}"


def _celu(m: Arithmetic, x: str) -> str:
    alpha = m.n(m.attrs["alpha"])
    return f"{x} > {m.n(0)} ? {x} : {alpha} * {m.fn('expm1', f'{x} / {alpha}')}"


def _clip(m: Arithmetic, x: str, low: str, high: str) -> str:
    return f"{x} > {high} ? {high} : {x} < {low} ? ({low} > {high} ? {high} : {low}) : {x}"


def _shift_left(m: Arithmetic, x: str, places: str) -> str:
    unsigned = "uint64_t" if m.bits == 64 else "uint32_t"
    return f"{places} < {m.bits} ? ({C_TYPES[m.dtype]})(({unsigned}){x} << {places}) : 0"


def _shift_right(m: Arithmetic, x: str, places: str) -> str:
    """Keep the sign: a far shift leaves 0 or -1."""
    if not m.signed:
        return f"{places} < {m.bits} ? {x} >> {places} : 0"
    return f"{x} >> ({places} < {m.bits - 1} ? {places} : {m.bits - 1})"


UNARY: Final[dict[str, Write]] = {
    **{
        op: _calls(name)
        for op, name in {
            "sqrt": "sqrt",
            "exp": "exp",
            "exp2": "exp2",
            "expm1": "expm1",
            "log": "log",
            "log1p": "log1p",
            "log2": "log2",
            "log10": "log10",
            "sin": "sin",
            "cos": "cos",
            "tan": "tan",
            "asin": "asin",
            "acos": "acos",
            "atan": "atan",
            "sinh": "sinh",
            "cosh": "cosh",
            "tanh": "tanh",
            "asinh": "asinh",
            "acosh": "acosh",
            "atanh": "atanh",
            "erf": "erf",
            "erfc": "erfc",
        }.items()
    },
    **{
        op: _rounds(name)
        for op, name in {
            "floor": "floor",
            "ceil": "ceil",
            "trunc": "trunc",
            "round": "rint",
        }.items()
    },
    "negative": _negative,
    "abs": _abs,
    "sign": _sign,
    "square": lambda m, x: m.wrapping("*", x, x),
    "rsqrt": lambda m, x: f"{m.n(1)} / {m.fn('sqrt', x)}",
    "reciprocal": lambda m, x: f"{m.n(1)} / {x}",
    "sigmoid": _sigmoid,
    "relu": _relu,
    "relu6": lambda m, x: m.clipped(x, m.n(0), m.n(6)),
    "leaky_relu": lambda m, x: f"{x} < {m.n(0)} ? {m.n(m.attrs['negative_slope'])} * {x} : {x}",
    "hard_sigmoid": lambda m, x: f"{_bounded(m, x)} / {m.n(6)}",
    "hard_swish": lambda m, x: f"{x} * {_bounded(m, x)} / {m.n(6)}",
    "silu": lambda m, x: f"{x} / ({m.n(1)} + {m.fn('exp', f'-{x}')})",
    "gelu": _gelu,
    "softplus": _softplus,
    "softsign": lambda m, x: f"{x} / ({m.n(1)} + {m.fn('fabs', x)})",
    "mish": lambda m, x: f"{x} * {m.fn('tanh', _softplus(m, x))}",
    "elu": _elu,
    "selu": _selu,
    "celu": _celu,
    "logical_not": lambda m, x: f"!{x}",
    "bitwise_invert": lambda m, x: f"!{x}" if m.dtype == "bool" else f"~{x}",
    "isnan": lambda m, x: f"{x} != {x}",
}

BINARY: Final[dict[str, Write]] = {
    "add": lambda m, a, b: m.wrapping("+", a, b),
    "subtract": lambda m, a, b: m.wrapping("-", a, b),
    "multiply": lambda m, a, b: m.wrapping("*", a, b),
    "divide": lambda m, a, b: f"{a} / {b}",
    "power": _calls("pow"),
    "atan2": _calls("atan2"),
    "hypot": _calls("hypot"),
    "copysign": _calls("copysign"),
    "maximum": lambda m, a, b: m.larger(a, b),
    "minimum": lambda m, a, b: m.smaller(a, b),
    "squared_difference": lambda m, a, b: m.wrapping(
        "*", f"({m.wrapping('-', a, b)})", f"({m.wrapping('-', a, b)})"
    ),
    "bitwise_and": _compares("&"),
    "bitwise_or": _compares("|"),
    "bitwise_xor": _compares("^"),
    "bitwise_left_shift": _shift_left,
    "bitwise_right_shift": _shift_right,
    "logical_and": _compares("&&"),
    "logical_or": _compares("||"),
}

# Computed in the common dtype of their operands; the result is 0 or 1.
COMPARISONS: Final[dict[str, Write]] = {
    "equal": _compares("=="),
    "not_equal": _compares("!="),
    "less": _compares("<"),
    "less_equal": _compares("<="),
    "greater": _compares(">"),
    "greater_equal": _compares(">="),
}

TERNARY: Final[dict[str, Write]] = {
    "clip": _clip,
    "where": lambda m, condition, a, b: f"{condition} ? {a} : {b}",
}

CAST: Final = "cast"
EXPRESSIONS: Final[dict[str, Write]] = {
    **UNARY,
    **BINARY,
    **COMPARISONS,
    **TERNARY,
    CAST: lambda m, x: x,
}
