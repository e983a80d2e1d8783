"""Reductions and running totals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

from penstock_formats.onnx.writing._emitter import describe
from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import FLOATS, Value
from penstock_formats.onnx.writing._writer import channels_first_axes
from penstock_formats.onnx.writing.ops.arithmetic import logaddexp

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._emitter import Emitter
    from penstock_formats.onnx.writing._writer import GraphWriter

Reduce = Callable[[Value, Any, bool], Value]


def _named(op_type: str) -> Reduce:
    return lambda x, axes, keepdims: x.reduce(op_type, axes, keepdims)


def _all(x: Value, axes: Any, keepdims: bool) -> Value:
    return x.cast("bool").cast("int32").reduce("ReduceMin", axes, keepdims).cast("bool")


def _any(x: Value, axes: Any, keepdims: bool) -> Value:
    return x.cast("bool").cast("int32").reduce("ReduceMax", axes, keepdims).cast("bool")


def _logsumexp(x: Value, axes: Any, keepdims: bool) -> Value:
    top = x.reduce("ReduceMax", axes, keepdims=True)
    top = (top.op("Abs") == math.inf).where(0, top)
    total = (x - top).op("Exp").reduce("ReduceSum", axes, keepdims=True).op("Log") + top
    return total if keepdims else total.squeeze(*axes)


_REDUCTIONS: dict[str, Reduce] = {
    "sum": _named("ReduceSum"),
    "mean": _named("ReduceMean"),
    "max": _named("ReduceMax"),
    "min": _named("ReduceMin"),
    "prod": _named("ReduceProd"),
    "logsumexp": _logsumexp,
    "all": _all,
    "any": _any,
}


@exports(*_REDUCTIONS)
def _(w: GraphWriter, node: Node) -> Value | None:
    (x,), out, attrs = node.inputs, node.outputs[0], node.attrs
    axes = attrs["axis"]
    axes = tuple(range(x.ndim)) if axes is None else tuple(int(axis) % x.ndim for axis in axes)
    value, first = w.value(x) if not w.prefers_first(x) else w.first(x), w.prefers_first(x)
    if node.op not in ("all", "any"):
        value = value.cast(out.dtype.name)
    if not axes:
        return value.op("Identity")
    value = value.cast(_reduced_in(value.dtype)) if node.op not in ("all", "any") else value
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    if first:
        places = sorted(channels_first_axes(x.ndim).index(axis) for axis in axes)
        made = _REDUCTIONS[node.op](value, places, attrs["keepdims"]).cast(out.dtype.name)
        if attrs["keepdims"]:
            w.keep_first(out, made)
            return None
        order = [axis for axis in channels_first_axes(x.ndim) if axis not in axes]
        return made.transpose([order.index(axis) for axis in rest])
    return _REDUCTIONS[node.op](value, axes, attrs["keepdims"]).cast(out.dtype.name)


def _reduced_in(dtype: str) -> str:
    """ONNX reduces no narrow integers."""
    return "int64" if dtype in ("int8", "int16", "uint8", "uint16") else dtype


@exports("argmax", "argmin")
def _(w: GraphWriter, node: Node) -> Value:
    (x,), axis, keepdims = node.inputs, node.attrs["axis"], int(node.attrs["keepdims"])
    op_type = "ArgMax" if node.op == "argmax" else "ArgMin"
    value = w.value(x)
    if value.dtype == "bool":
        value = value.cast("int32")
    if axis is not None:
        return value.op(op_type, dtype="int64", axis=axis, keepdims=keepdims)
    place = value.reshape(-1).op(op_type, dtype="int64", axis=0, keepdims=0)
    return place.reshape(*[1] * x.ndim) if keepdims else place


# ---- running totals


@exports("cumsum")
def _(w: GraphWriter, node: Node) -> Value:
    (x,), attrs, out = node.inputs, node.attrs, node.outputs[0]
    value, axis = w.value(x).cast(out.dtype.name), attrs["axis"]
    if axis is None:
        value, axis = value.reshape(-1), 0
    place = w.emitter.constant(axis, "int64")
    flags: dict[str, Any] = {name: int(attrs[name]) for name in ("exclusive", "reverse")}
    return value.op("CumSum", place, **flags)


_STEPS: dict[str, tuple[float, Callable[[Value, Value], Value]]] = {
    "cumprod": (1.0, lambda total, x: total * x),
    "cummax": (-math.inf, lambda total, x: total.op("Max", x)),
    "cummin": (math.inf, lambda total, x: total.op("Min", x)),
    "cumlogsumexp": (-math.inf, logaddexp),
}


@exports(*_STEPS)
def _(w: GraphWriter, node: Node) -> Value:
    """Go along the axis by a Scan, whose state is the total so far."""
    (x,), attrs, out = node.inputs, node.attrs, node.outputs[0]
    dtype = out.dtype.name
    value, axis = w.value(x).cast(dtype), attrs["axis"]
    shape: list[Any] = list(out.shape)
    if axis is None:
        value, axis = value.reshape(-1), 0
    start, step = _STEPS[node.op]
    row = w.sizes.vector([*shape[:axis], *shape[axis + 1 :]])
    state = w.emitter.constant(_start(start, dtype), dtype).op("Expand", row)
    body = _running(w.emitter, dtype, len(shape) - 1, step, bool(attrs.get("exclusive")))
    direction = [int(attrs["reverse"])]
    _, made = w.emitter.op(
        *("Scan", state, value),
        dtype=[dtype, dtype],
        body=body,
        num_scan_inputs=1,
        scan_input_axes=[axis],
        scan_input_directions=direction,
        scan_output_axes=[axis],
        scan_output_directions=direction,
    )
    total: Value = made
    return total


def _start(start: float, dtype: str) -> Any:
    if dtype in FLOATS or math.isfinite(start):
        return start
    limits = np.iinfo(dtype)
    return limits.min if start < 0 else limits.max


def _running(emitter: Emitter, dtype: str, rank: int, step: Any, exclusive: bool) -> Any:
    names = [emitter.name(f"{emitter.scope}/{part}") for part in ("total", "row", "next", "out")]
    total, row = (Value(emitter, name, dtype) for name in names[:2])
    with emitter.inside() as nodes:
        following = step(total, row)
        emitter.op("Identity", following, dtype=dtype, name=names[2])
        emitter.op("Identity", total if exclusive else following, dtype=dtype, name=names[3])
    infos = [describe(name, dtype, [None] * rank) for name in names]
    return helper.make_graph(nodes, f"{emitter.scope}/body", infos[:2], infos[2:])
