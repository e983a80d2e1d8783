"""More of `keras.ops.numpy`: windows, and other vectors that are made of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock_keras_api import config
from penstock_keras_api.ops.numpy_elements import i0
from penstock_keras_api.ops.table import tensor as _t


def _angles(x: Any) -> tuple[int, Any]:
    """Return how many points are asked for, and their places from 0 to 1."""
    n = int(x)
    at = ps.cast(ps.arange(0, n, 1), config.floatx())
    return n, at / max(n - 1, 1)


def bartlett(x: Any) -> Any:
    """Make a triangle of x points."""
    n, at = _angles(x)
    return ps.ones_like(at) if n == 1 else 1 - ps.abs(2 * at - 1)


def hanning(x: Any) -> Any:
    """Make a raised cosine of x points: 0.5 - 0.5 cos."""
    return _cosines(x, 0.5, 0.5)


def hamming(x: Any) -> Any:
    """Make a raised cosine of x points: 0.54 - 0.46 cos."""
    return _cosines(x, 0.54, 0.46)


def blackman(x: Any) -> Any:
    """Make a window of x points: 0.42 - 0.5 cos + 0.08 cos of twice the angle."""
    return _cosines(x, 0.42, 0.5, 0.08)


def _cosines(x: Any, mean: float, first: float, second: float = 0.0) -> Any:
    n, at = _angles(x)
    if n == 1:
        return ps.ones_like(at)
    turn = 2 * math.pi * at
    return mean - first * ps.cos(turn) + second * ps.cos(2 * turn)


def kaiser(x: Any, beta: Any) -> Any:
    """Make Kaiser's window of x points."""
    n, at = _angles(x)
    if n == 1:
        return ps.ones_like(at)
    beta = ps.cast(_t(beta), at.dtype)
    inside = ps.maximum(1 - ps.square(2 * at - 1), 0.0)
    return i0(beta * ps.sqrt(inside)) / i0(beta)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Make a matrix of ones on and below a diagonal."""
    return ps.tril(ps.ones((N, N if M is None else M), dtype or config.floatx()), k)


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Make points evenly apart in their logarithms: from base^start to base^stop."""
    at = spaced(start, stop, num, endpoint, axis)
    made = ps.pow(ps.cast(_t(base), at.dtype), at)
    return made if dtype is None else ps.cast(made, dtype)


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """Make points of which each is the same multiple of the one before."""
    a, b = spaced_ends(start, stop)
    sign = ps.sign(a)
    made = ps.exp(spaced(ps.log(ps.abs(a)), ps.log(ps.abs(b)), num, endpoint, axis))
    made = made * ps.expand_dims(
        ps.broadcast_to(sign, ps.broadcast_shapes(a.shape, b.shape)), axis=axis
    )
    return made if dtype is None else ps.cast(made, dtype)


def spaced_ends(start: Any, stop: Any) -> tuple[Any, Any]:
    """Return the ends of a range as floats of one dtype."""
    a, b = _t(start), _t(stop)
    dtype = ps.result_type(a, b)
    name = dtype.name if dtype.kind == "float" else config.floatx()
    return ps.cast(a, name), ps.cast(b, name)


def spaced(start: Any, stop: Any, num: int, endpoint: bool, axis: int) -> Any:
    """Make points evenly apart from tensors to tensors, on a new axis."""
    a, b = spaced_ends(start, stop)
    shape = ps.broadcast_shapes(a.shape, b.shape)
    axis = axis % (len(shape) + 1)
    parts = max(num - 1 if endpoint else num, 1)
    at = ps.cast(ps.arange(0, num, 1), a.dtype) / parts
    at = ps.reshape(at, (*(1,) * axis, num, *(1,) * (len(shape) - axis)))
    a, b = (ps.expand_dims(ps.broadcast_to(t, shape), axis=axis) for t in (a, b))
    made = a + (b - a) * at
    return ps.where(at == 1, ps.broadcast_to(b, made.shape), made) if endpoint else made


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Make points evenly apart, and return the step too if `retstep`."""
    made = spaced(start, stop, num, endpoint, axis)
    made = made if dtype is None else ps.cast(made, dtype)
    if not retstep:
        return made
    a, b = spaced_ends(start, stop)
    parts = num - 1 if endpoint else num
    return made, (b - a) / parts if parts else ps.full_like(b - a, ps.nan)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Make a matrix of powers of a vector."""
    x = _t(x)
    n = x.shape[0] if N is None else N
    powers = list(range(n)) if increasing else list(range(n))[::-1]
    return ps.pow(ps.expand_dims(x, axis=-1), ps.cast(_t(powers), x.dtype))


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        bartlett, hanning, hamming, blackman, kaiser, tri, logspace, geomspace, linspace, vander,
    )
}  # fmt: skip
