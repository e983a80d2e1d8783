"""Functions of one quantised number as tables: an entry for each of its integers, looked up by `gather`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps
from penstock_formats.tflite import fixed_point as fixed
from penstock_formats.tflite.building import Call, converts


def look_up(table: np.ndarray[Any, Any], x: Any, dtype: str) -> Any:
    """Replace each integer by a table's entry; the first one belongs to the smallest integer of the dtype."""
    least = int(np.iinfo(dtype).min)
    return ps.gather(table, ps.subtract(ps.cast(x, "int32"), np.asarray(least, np.int32)), axis=0)


def _all(dtype: str) -> Any:
    info = np.iinfo(dtype)
    return np.arange(info.min, info.max + 1, dtype=np.int64)


def _round_away(x: Any) -> Any:
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.sign(x), whole)


def real_table(call: Call, function: Callable[[Any], Any]) -> Any:
    """Tabulate a function of real numbers: float32 in and out, rounded to the result's steps."""
    dtype, out = call.info(0).dtype, call.output()
    (scale, zero), (y_scale, y_zero) = call.single(call.info(0)), call.single(out)
    x = (scale * (_all(dtype) - zero).astype(np.float32)).astype(np.float64)
    y = function(x).astype(np.float32)
    inverse = np.float32(1.0) / y_scale
    info = np.iinfo(out.dtype)
    return np.clip(_round_away(y * inverse) + y_zero, info.min, info.max).astype(out.dtype)


def _sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def _gelu(x: Any, approximate: bool) -> Any:
    if approximate:
        return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))
    return ps.gelu(x).numpy()


@converts("LOGISTIC", "TANH", "ELU", "GELU", integers="own")
def smooth(c: Call) -> Any:
    """Build a smooth activation."""
    approximate = bool(c.options.get("approximate"))
    if not c.quantized:
        functions: dict[str, Callable[[Any], Any]] = {
            "LOGISTIC": ps.sigmoid,
            "TANH": ps.tanh,
            "ELU": ps.elu,
            "GELU": lambda x: ps.gelu(x, approximate=approximate),
        }
        return functions[c.name](c.x(0))
    exact: dict[str, Callable[[Any], Any]] = {
        "LOGISTIC": _sigmoid,
        "TANH": np.tanh,
        "ELU": lambda x: np.where(x < 0, np.expm1(x), x),
        "GELU": lambda x: _gelu(x, approximate),
    }
    return look_up(real_table(c, exact[c.name]), c.x(0), c.info(0).dtype)


_LIMITS = {"RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}


@converts("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", integers="own")
def limited(c: Call) -> Any:
    """Build an activation that is a limit."""
    low, high = _LIMITS.get(c.name, (0.0, 1.0))
    if not c.quantized:
        return ps.relu(c.x(0)) if high is None else ps.clip(c.x(0), low, high)
    dtype, out = c.info(0).dtype, c.output()
    (scale, zero), (y_scale, y_zero) = c.single(c.info(0)), c.single(out)
    steps = fixed.times(_all(dtype) - zero, *fixed.split(float(scale) / float(y_scale)))
    info = np.iinfo(out.dtype)
    least = max(int(info.min), int(y_zero) + int(_round_away(np.float32(low) / y_scale)))
    most = int(info.max)
    if high is not None:
        most = min(most, int(y_zero) + int(_round_away(np.float32(high) / y_scale)))
    return look_up(np.clip(steps + y_zero, least, most).astype(out.dtype), c.x(0), dtype)


@converts("LEAKY_RELU", integers="own")
def leaky(c: Call) -> Any:
    """Build leaky relu."""
    alpha = float(c.options["alpha"])
    if not c.quantized:
        return ps.leaky_relu(c.x(0), alpha)
    dtype, out = c.info(0).dtype, c.output()
    (scale, zero), (y_scale, y_zero) = c.single(c.info(0)), c.single(out)
    real = float(scale) / float(y_scale)
    x = _all(dtype) - zero
    below = np.sign(alpha) * fixed.times(x, *fixed.split(abs(real * alpha)))
    steps = np.where(x >= 0, fixed.times(x, *fixed.split(real)), below)
    info = np.iinfo(out.dtype)
    table = np.clip(steps + y_zero, info.min, info.max).astype(out.dtype)
    return look_up(table, c.x(0), dtype)
