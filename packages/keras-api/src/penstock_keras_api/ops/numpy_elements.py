"""More of `keras.ops.numpy`: functions that go element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import penstock as ps
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import pair as _pair
from penstock_keras_api.ops.table import tensor as _t

_SERIES: Final = 20.0  # where the asymptotic series of i0 is exact to float64
_TERMS: Final = 64


def cbrt(x: Any) -> Any:
    """Take the cubic root."""
    x = _f(x)
    y = ps.sign(x) * ps.pow(ps.abs(x), 1 / 3)
    return ps.where((y == 0) | ps.isinf(y), y, y - (y - x / (y * y)) / 3)  # one step of Newton


def deg2rad(x: Any) -> Any:
    """Turn degrees into radians."""
    return _f(x) * (math.pi / 180)


def rad2deg(x: Any) -> Any:
    """Turn radians into degrees."""
    return _f(x) * (180 / math.pi)


def fabs(x: Any) -> Any:
    """Take the absolute value, as a float."""
    return ps.abs(_f(x))


def _except_nan(fn: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def choose(x1: Any, x2: Any) -> Any:
        made = fn(x1, x2)
        if made.dtype.kind != "float":
            return made
        a, b = ps.cast(_t(x1), made.dtype), ps.cast(_t(x2), made.dtype)
        return ps.where(ps.isnan(a), b, ps.where(ps.isnan(b), a, made))

    return choose


def fmax(x1: Any, x2: Any) -> Any:
    """Take the larger of two numbers; a NaN gives way."""
    return _except_nan(ps.maximum)(*_pair(x1, x2))


def fmin(x1: Any, x2: Any) -> Any:
    """Take the smaller of two numbers; a NaN gives way."""
    return _except_nan(ps.minimum)(*_pair(x1, x2))


def fmod(x1: Any, x2: Any) -> Any:
    """Take the rest of a division, with the sign of what is divided."""
    x1, x2 = _same(x1, x2)
    rest = ps.remainder(x1, x2)
    if rest.dtype.kind == "unsigned":
        return rest
    return ps.where((rest != 0) & ((rest < 0) != (x1 < 0)), rest - x2, rest)


def gcd(x1: Any, x2: Any) -> Any:
    """Find the greatest common divisor."""
    a, b = (ps.abs(t) for t in _whole_pair(x1, x2))

    def step(a: Any, b: Any) -> tuple[Any, Any]:
        done = b == 0
        rest = ps.remainder(a, ps.where(done, ps.ones_like(b), b))
        return ps.where(done, a, b), ps.where(done, b, rest)

    return ps.while_loop(lambda a, b: ps.any(b != 0), step, ps.broadcast_arrays(a, b))[0]


def lcm(x1: Any, x2: Any) -> Any:
    """Find the least common multiple."""
    a, b = (ps.abs(t) for t in _whole_pair(x1, x2))
    divisor = gcd(a, b)
    return ps.floor_divide(a, ps.maximum(divisor, ps.ones_like(divisor))) * b


def heaviside(x1: Any, x2: Any) -> Any:
    """Step from 0 to 1: x2 at 0."""
    x1, x2 = _same(x1, x2)
    if x1.dtype.kind not in ("float", "complex"):
        x1, x2 = _f(x1), _f(x2)
    made = ps.where(x1 == 0, x2, ps.cast(x1 > 0, x1.dtype))
    return ps.where(ps.isnan(x1), x1, made)


def i0(x: Any) -> Any:
    """Compute the modified Bessel function of order 0: Σ ((x / 2)ᵏ / k!)²."""
    x = ps.abs(_f(x))
    small = ps.minimum(x, _SERIES)
    quarter = small * small / 4
    near = ps.ones_like(x)
    for k in range(_TERMS, 0, -1):
        near = 1.0 + near * quarter / (k * k)
    large = ps.maximum(x, _SERIES)
    far = ps.ones_like(x)
    for k in range(30, 0, -1):
        far = 1.0 + far * ((2 * k - 1) ** 2 / (8 * k)) / large
    # In two steps, since e^x alone is too large before the result is.
    half = ps.exp(large / 2)
    return ps.where(x <= _SERIES, near, half * (far / ps.sqrt(2 * math.pi * large)) * half)


def isneginf(x: Any) -> Any:
    """Find minus infinity."""
    return _is_infinite(x, -ps.inf)


def isposinf(x: Any) -> Any:
    """Find plus infinity."""
    return _is_infinite(x, ps.inf)


def _is_infinite(x: Any, value: float) -> Any:
    x = _t(x)
    return x == value if x.dtype.kind == "float" else ps.zeros_like(x, dtype="bool")


def isreal(x: Any) -> Any:
    """Find numbers without an imaginary part."""
    x = _t(x)
    return ps.imag(x) == 0 if x.dtype.kind == "complex" else ps.ones_like(x, dtype="bool")


def ldexp(x1: Any, x2: Any) -> Any:
    """Multiply by a power of 2: x1 · 2^x2."""
    x1 = _f(x1)
    return x1 * ps.exp2(ps.cast(_t(x2), x1.dtype))


def logaddexp2(x1: Any, x2: Any) -> Any:
    """Add powers of 2 by their logarithms: log₂(2^x1 + 2^x2)."""
    a, b = _same(_f(x1), _f(x2))
    high = ps.maximum(a, b)
    apart = ps.where(a == b, ps.zeros_like(high), -ps.abs(a - b))
    return high + ps.log1p(ps.exp2(apart)) / math.log(2)


def sinc(x: Any) -> Any:
    """Compute sin(πx) / (πx): 1 at 0."""
    x = _f(x) * math.pi
    safe = ps.where(x == 0, ps.ones_like(x), x)
    return ps.where(x == 0, ps.ones_like(x), ps.sin(safe) / safe)


def _same(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Make tensors of the dtype that both have together."""
    x1, x2 = _pair(x1, x2)
    dtype = ps.result_type(x1, x2)
    return ps.cast(_t(x1), dtype), ps.cast(_t(x2), dtype)


def _whole_pair(x1: Any, x2: Any) -> tuple[Any, Any]:
    a, b = _same(x1, x2)
    return (
        (a, b)
        if a.dtype.kind in ("signed", "unsigned")
        else (ps.cast(a, "int32"), ps.cast(b, "int32"))
    )


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        cbrt, deg2rad, rad2deg, fabs, fmax, fmin, fmod, gcd, lcm, heaviside, i0, isneginf, isposinf, isreal, ldexp,
        logaddexp2, sinc,
    )
}  # fmt: skip
