"""Functions that ONNX has not: the gamma function's logarithm and its slope, and the inverse of erf."""

from __future__ import annotations

import math

from penstock_formats.onnx.writing._table import elementwise
from penstock_formats.onnx.writing._values import Value

# Lanczos' series for g = 7, as many know it.
_G = 7
_LANCZOS = (
    0.99999999999980993,
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
)
# Giles, 2010, "Approximating the erfinv function": in w - 2.5 and sqrt(w) - 3, the highest power first.
_NEAR = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_FAR = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def _polynomial(x: Value, factors: tuple[float, ...]) -> Value:
    total = x * factors[0] + factors[1]
    for factor in factors[2:]:
        total = total * x + factor
    return total


@elementwise("erfinv")
def _(x: Value) -> Value:
    w = -((1 - x) * (1 + x)).op("Log")
    near = _polynomial(w - 2.5, _NEAR)
    far = _polynomial(w.op("Sqrt") - 3, _FAR)
    inside = (w < 5).where(near, far) * x
    return (x.op("Abs") == 1).where(x * math.inf, inside)


@elementwise("lgamma")
def _(x: Value) -> Value:
    small = x < 0.5
    right = _log_gamma(small.where(1 - x, x))
    sine = ((x - x.op("Floor")) * math.pi).op("Sin").op("Abs")
    mirrored = math.log(math.pi) - sine.op("Log") - right
    made = small.where(mirrored, right)
    pole = (x <= 0) & (x == x.op("Floor"))
    return (pole | (x.op("Abs") == math.inf)).where(math.inf, made)


def _log_gamma(x: Value) -> Value:
    """For x >= 1/2."""
    z = x - 1
    series = z.op("Abs") * 0 + _LANCZOS[0]
    for i, factor in enumerate(_LANCZOS[1:], 1):
        series = series + factor / (z + i)
    t = z + (_G + 0.5)
    return (z + 0.5) * t.op("Log") - t + series.op("Log") + 0.5 * math.log(2 * math.pi)


@elementwise("digamma")
def _(x: Value) -> Value:
    small = x <= 0
    right = _psi(small.where(1 - x, x))
    part = (x - x.op("Floor")) * math.pi
    return small.where(right - math.pi / part.op("Tan"), right)


def _psi(x: Value) -> Value:
    """For x > 0: six steps to the right, then the series for large numbers."""
    below = 1 / x
    for i in range(1, 6):
        below = below + 1 / (x + i)
    x = x + 6
    inverse = 1 / (x * x)
    series = inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240))))
    return x.op("Log") - 0.5 / x - series - below
