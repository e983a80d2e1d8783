"""Sums, means and extremes along axes, softmax, and places of extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import FormatError
from penstock_formats.tflite import fixed_point as fixed
from penstock_formats.tflite.building import Call, converts
from penstock_formats.tflite.elementwise import truncated_quotient

_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "SUM": ps.sum,
    "REDUCE_PROD": ps.prod,
    "REDUCE_MAX": ps.max,
    "REDUCE_MIN": ps.min,
    "REDUCE_ANY": ps.any,
    "REDUCE_ALL": ps.all,
    "MEAN": ps.mean,
}


def _axes(c: Call) -> tuple[int, ...]:
    rank = c.rank(0)
    axes = c.ints(1)
    if any(not -rank <= axis < rank for axis in axes):
        raise c.fail(f"reduces axes {axes} of {c.x(0).shape}")
    return tuple(sorted({axis % rank for axis in axes}))


@converts("SUM", "REDUCE_PROD", "REDUCE_ANY", "REDUCE_ALL")
def reduce(c: Call) -> Any:
    """Reduce along axes."""
    return _REDUCTIONS[c.name](c.x(0), _axes(c), keepdims=c.options["keep_dims"])


@converts("REDUCE_MAX", "REDUCE_MIN", integers="same")
def extreme(c: Call) -> Any:
    """Take the largest or smallest along axes."""
    return _REDUCTIONS[c.name](c.x(0), _axes(c), keepdims=c.options["keep_dims"])


@converts("MEAN", integers="own")
def mean(c: Call) -> Any:
    """Take the mean along axes; of integers with a multiplier that also divides by their number."""
    axes, keepdims = _axes(c), c.options["keep_dims"]
    if c.info(0).dtype == "float32":
        return ps.mean(c.x(0), axes, keepdims=keepdims)
    sizes = [c.x(0).shape[axis] for axis in axes]
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise c.fail(f"takes the mean of sizes {sizes}")
    count = int(np.prod(sizes, dtype=np.int64))
    if not c.quantized:
        total = ps.sum(c.x(0), axes, dtype="int64", keepdims=keepdims)
        return ps.cast(truncated_quotient(total, np.int64(count)), c.info(0).dtype)
    (scale, zero), (y_scale, y_zero) = c.single(c.info(0)), c.single(c.output())
    multiplier, shift = fixed.split(float(scale) / float(y_scale))
    more = min(count.bit_length() - 1, 32, 31 + shift)
    total = fixed.graph_reduced(c.x(0), int(zero), axes, keepdims)
    steps = fixed.graph_times(total, (multiplier << more) // count, shift - more)
    return fixed.graph_limited(steps, int(y_zero), c.output().dtype)


@converts("SOFTMAX", integers="own")
def softmax(c: Call) -> Any:
    """Take softmax over the last axis; of integers with steps of 1/256."""
    beta = float(c.options["beta"])
    if not c.quantized:
        return ps.softmax(c.x(0) if beta == 1.0 else c.x(0) * beta)
    scale, zero = c.single(c.output())
    expected = {"int8": -128, "uint8": 0}.get(c.output().dtype)
    if expected is None or zero != expected or scale != np.float32(1 / 256):
        raise c.fail(f"has results of scale {scale} and zero point {zero}, not 1/256")
    return ps.quantized_softmax(c.x(0), c.single(c.info(0))[0], beta)


@converts("LOG_SOFTMAX")
def log_softmax(c: Call) -> Any:
    """Take the logarithm of softmax over the last axis."""
    return ps.log_softmax(c.x(0))


@converts("ARG_MAX", "ARG_MIN", integers="own")
def place(c: Call) -> Any:
    """Say where the largest or smallest number is; the first of equal ones."""
    op = ps.argmax if c.name == "ARG_MAX" else ps.argmin
    return ps.cast(op(c.x(0), axis=c.ints(1)[0]), c.dtype_option("dtype", 2))


@converts("TOPK_V2", integers="own")
def top_k(c: Call) -> Any:
    """Find the largest numbers of the last axis, and their places."""
    values, places = ps.top_k(c.x(0), c.ints(1)[0])
    return [values, ps.cast(places, c.output(1).dtype)]


@converts("CUMSUM")
def cumsum(c: Call) -> Any:
    """Add up along an axis."""
    axis = c.ints(1)[0]
    x = ps.flip(c.x(0), axis) if c.options["reverse"] else c.x(0)
    y = ps.cumsum(x, axis)
    y = y - x if c.options["exclusive"] else y
    return ps.flip(y, axis) if c.options["reverse"] else y


@converts("L2_NORMALIZATION")
def l2_normalize(c: Call) -> Any:
    """Divide by the length along the last axis."""
    norm = ps.sqrt(ps.sum(ps.square(c.x(0)), -1, keepdims=True))
    return c.activated(c.x(0) / ps.maximum(norm, 1e-6))


@converts("LOCAL_RESPONSE_NORMALIZATION")
def local_response(c: Call) -> Any:
    """Divide by what neighbouring channels hold."""
    o = c.options
    size = 2 * o["radius"] + 1
    if not 0 < size < 1000:
        raise FormatError(
            f"[tflite] {c.name} has radius {o['radius']}; expected 0 to 499; get the file again"
        )
    x = ps.pad(ps.square(c.x(0)), [(0, 0)] * (c.rank(0) - 1) + [(o["radius"], o["radius"])])
    depth = c.x(0).shape[-1]
    total = x[..., :depth]
    for i in range(1, size):
        total = total + x[..., i : i + depth]
    return c.x(0) * ps.pow(total * float(o["alpha"]) + float(o["bias"]), -float(o["beta"]))
