"""Special functions in NumPy: the references of `lgamma`, `digamma` and `polygamma`, and what samplers need."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

# Bernoulli numbers B2, B4, ... of the asymptotic series.
_BERNOULLI = (
    1 / 6,
    -1 / 30,
    1 / 42,
    -1 / 30,
    5 / 66,
    -691 / 2730,
    7 / 6,
    -3617 / 510,
)
_FAR = 16.0  # from here on the series have all digits


def log_gamma(x: Any) -> Any:
    """Take ln |Γ(x)| in float64; inf at 0, -1, -2, ...

    Numbers below 16 are moved up by Γ(x + 1) = x Γ(x) and then Stirling's series holds; negative ones are reflected.
    Near 1 and 2, where the result is small, a series in x - 1 or x - 2 keeps its relative error small.
    """
    x = np.asarray(x, np.float64)
    positive = np.where(x > 0, x, 1.0 - x)
    result = _log_gamma_positive(positive)
    near = np.abs(np.sin(np.pi * (x - np.round(x))))  # the difference is exact
    reflected = np.log(np.pi) - np.log(near) - result
    result = np.where(x > 0, result, reflected)
    return np.where((x <= 0) & (x == np.floor(x)), np.inf, np.where(np.isnan(x), np.nan, result))


def _log_gamma_positive(x: Any) -> Any:
    near_one, near_two = np.abs(x - 1.0) < 0.25, np.abs(x - 2.0) < 0.25
    small = np.where(near_one, x - 1.0, np.where(near_two, x - 2.0, 0.0))
    series = _around_one(small)
    series = np.where(near_two, series + np.log1p(small), series)
    y, product = np.array(x), np.ones_like(x)
    for _step in range(int(_FAR)):
        moved = y < _FAR
        product = np.where(moved, product * y, product)
        y = np.where(moved, y + 1.0, y)
    far = stirling(y) - np.log(product)
    far = np.where(np.isinf(x), np.inf, far)
    return np.where(near_one | near_two, series, far)


def stirling(y: Any) -> Any:
    """Take ln Γ(y) for y of 16 or more."""
    total, power = np.zeros_like(y), 1.0 / y
    for k, b in enumerate(_BERNOULLI, start=1):
        total = total + b / (2 * k * (2 * k - 1)) * power
        power = power / (y * y)
    return (y - 0.5) * np.log(y) - y + 0.5 * np.log(2.0 * np.pi) + total


_EULER = 0.57721566490153286060651209


@functools.cache
def _coefficients() -> tuple[float, ...]:
    """(-1)^n ζ(n) / n for n = 2, 3, ..., where ζ(n) is what polygamma sums up from 1 on."""
    return tuple(
        (-1) ** n * abs(float(polygamma(n - 1, 1.0))) / math.factorial(n - 1) / n
        for n in range(2, 32)
    )


def _around_one(t: Any) -> Any:
    """Take ln Γ(1 + t) for |t| up to 1/4, by its Taylor series."""
    total = np.zeros_like(t)
    for c in reversed(_coefficients()):
        total = (total + c) * t
    return (total - _EULER) * t


def digamma(x: Any) -> Any:
    """Take the derivative of ln Γ in float64; -inf at 0, NaN at -1, -2, ..."""
    x = np.asarray(x, np.float64)
    y, moved_by = np.where(x > 0, x, 1.0 - x), np.zeros_like(x)
    for _step in range(int(_FAR)):
        moved = y < _FAR
        moved_by = np.where(moved, moved_by - 1.0 / y, moved_by)
        y = np.where(moved, y + 1.0, y)
    total, power = np.zeros_like(y), 1.0 / (y * y)
    for k, b in enumerate(_BERNOULLI, start=1):
        total = total - b / (2 * k) * power
        power = power / (y * y)
    result = np.log(y) - 0.5 / y + total + moved_by
    angle = np.pi * (x - np.round(x))  # the difference is exact
    result = np.where(x > 0, result, result - np.pi / np.tan(angle))
    result = np.where(np.isposinf(x), np.inf, result)
    result = np.where(x == 0, -np.copysign(np.inf, x), result)
    return np.where(((x < 0) & (x == np.floor(x))) | np.isnan(x), np.nan, result)


def polygamma(n: int, x: Any) -> Any:
    """Take the derivative of order n + 1 of ln Γ in float64, for n of 1 or more: (-1)ⁿ⁺¹ n! Σ 1 / (x + k)ⁿ⁺¹.

    Only for x above 0; NaN elsewhere.
    """
    x = np.asarray(x, np.float64)
    s = n + 1.0
    y, total = np.where(x > 0, x, 1.0), np.zeros_like(x)
    steps = int(_FAR) + n  # the series wants more distance for higher orders
    for _step in range(steps):
        moved = y < steps
        total = np.where(moved, total + y**-s, total)
        y = np.where(moved, y + 1.0, y)
    total = total + y ** (1.0 - s) / (s - 1.0) + 0.5 * y**-s
    factor, power = s / 2.0, y ** (-s - 1.0)
    for k, b in enumerate(_BERNOULLI, start=1):
        total = total + b * factor * power
        factor = factor * (s + 2 * k - 1) * (s + 2 * k) / ((2 * k + 1) * (2 * k + 2))
        power = power / (y * y)
    factorial = float(np.prod(np.arange(1, n + 1, dtype=np.float64)))
    result = (-1.0) ** (n + 1) * factorial * total
    result = np.where(np.isposinf(x), 0.0, result)
    return np.where(x > 0, result, np.where(x == 0, (-1.0) ** (n + 1) * np.inf, np.nan))
