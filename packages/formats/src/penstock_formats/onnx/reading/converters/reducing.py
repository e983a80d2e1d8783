"""Operators that reduce axes, or go along one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.casting import of_dtype
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value

Reduce = Callable[..., Tensor]


def _log_sum(x: Tensor, axis: Any, *, keepdims: bool) -> Tensor:
    return ps.log(ps.sum(x, axis, keepdims=keepdims))


def _l1(x: Tensor, axis: Any, *, keepdims: bool) -> Tensor:
    return ps.sum(ps.abs(x), axis, keepdims=keepdims)


def _l2(x: Tensor, axis: Any, *, keepdims: bool) -> Tensor:
    return ps.sqrt(ps.sum(x * x, axis, keepdims=keepdims))


def _sum_square(x: Tensor, axis: Any, *, keepdims: bool) -> Tensor:
    return ps.sum(x * x, axis, keepdims=keepdims)


def _extreme(function: Reduce, is_bool: Reduce, most: bool) -> Reduce:
    def reduce(x: Tensor, axis: Any, *, keepdims: bool) -> Tensor:
        if x.dtype.name == "bool":
            return is_bool(x, axis, keepdims=keepdims)
        axes = range(x.ndim) if axis is None else axis
        if any(isinstance(x.shape[a], int) and x.shape[a] == 0 for a in axes):
            return _of_nothing(x, list(axes), keepdims, most)
        return function(x, axis, keepdims=keepdims)

    return reduce


def _of_nothing(x: Tensor, axes: Sequence[int], keepdims: bool, most: bool) -> Tensor:
    """The largest of no numbers is the smallest there is."""
    chosen = {a % x.ndim for a in axes}
    shape = [1 if i in chosen else d for i, d in enumerate(x.shape) if keepdims or i not in chosen]
    if "float" in x.dtype.name:
        return ps.full(shape, -math.inf if most else math.inf, x.dtype)
    limits = np.iinfo(x.dtype.name)
    return ps.full(shape, limits.min if most else limits.max, x.dtype)


_REDUCE: dict[str, Reduce] = {
    "ReduceL1": _l1,
    "ReduceL2": _l2,
    "ReduceLogSum": _log_sum,
    "ReduceLogSumExp": ps.logsumexp,
    "ReduceMax": _extreme(ps.max, ps.any, most=True),
    "ReduceMean": ps.mean,
    "ReduceMin": _extreme(ps.min, ps.all, most=False),
    "ReduceProd": ps.prod,
    "ReduceSum": ps.sum,
    "ReduceSumSquare": _sum_square,
}


def _register(op: str, function: Reduce) -> None:
    @converts(op)
    def convert(call: Call, x: Value, axes: Value | None = None) -> Value:
        wanted = call.attr("axes") if axes is None else [int(a) for a in call.ints(axes, "axes")]
        keepdims = bool(call.attr("keepdims", 1))
        if not wanted and call.attr("noop_with_empty_axes", 0):
            return Value(_one_by_one(op, x.tensor))
        if x.is_last and wanted and sorted(a % x.ndim for a in wanted) == list(range(2, x.ndim)):
            return _over_space(function, x, keepdims)
        made = function(x.tensor, tuple(wanted) if wanted else None, keepdims=keepdims)
        return Value(of_dtype(made, x.dtype))


def _one_by_one(op: str, x: Tensor) -> Tensor:
    """Reduce no axes: each element is a sum of its own."""
    if op in ("ReduceL1", "ReduceL2"):
        return ps.abs(x)
    if op == "ReduceLogSum":
        return ps.log(x)
    return x * x if op == "ReduceSumSquare" else x


def _over_space(function: Reduce, x: Value, keepdims: bool) -> Value:
    made = of_dtype(function(x.last, tuple(range(1, x.ndim - 1)), keepdims=keepdims), x.dtype)
    return Value(last=made) if keepdims else Value(made)


for _op, _function in _REDUCE.items():
    _register(_op, _function)


def _register_arg(op: str, function: Callable[..., Tensor]) -> None:
    @converts(op, tensors=True)
    def convert(call: Call, x: Tensor) -> Tensor:
        axis, keepdims = call.attr("axis", 0), bool(call.attr("keepdims", 1))
        if not call.attr("select_last_index", 0):
            return function(x, axis, keepdims=keepdims)
        place = function(ps.flip(x, axis=axis), axis, keepdims=keepdims)
        return ps.ops.size_of((x.shape[axis],)) - 1 - place


_register_arg("ArgMax", ps.argmax)
_register_arg("ArgMin", ps.argmin)


def _running(op: str, function: Callable[..., Tensor]) -> None:
    @converts(op)
    def convert(call: Call, x: Value, axis: Value) -> Tensor:
        along = int(call.ints(axis, "axis")[0])
        exclusive, reverse = bool(call.attr("exclusive", 0)), bool(call.attr("reverse", 0))
        return of_dtype(function(x.tensor, along, exclusive=exclusive, reverse=reverse), x.dtype)


_running("CumSum", ps.cumsum)
_running("CumProd", ps.cumprod)


def _along(function: Callable[..., Tensor]) -> Callable[[Call, Value], Value]:
    """Go along an axis; before opset 13 along that one and all behind it."""

    def convert(call: Call, x: Value) -> Value:
        axis = call.attr("axis", -1 if call.opset >= 13 else 1)
        if call.opset >= 13:
            if x.is_last and axis % x.ndim == 1:
                return Value(last=function(x.last, -1))
            return Value(function(x.tensor, axis))
        t = x.tensor
        axis = axis % t.ndim if t.ndim else 0
        if t.ndim - axis == 1:
            return Value(function(t, -1))
        rows = ps.reshape(t, (*t.shape[:axis], math.prod(t.shape[axis:])))
        return Value(ps.reshape(function(rows, -1), t.shape))

    return convert


def _hardmax(x: Tensor, axis: int) -> Tensor:
    place = ps.argmax(x, axis, keepdims=True)
    positions = ps.cumsum(ps.ones(x.shape, "int64"), axis) - 1
    return ps.cast(ps.equal(positions, place), x.dtype)


converts("Softmax")(_along(ps.softmax))
converts("LogSoftmax")(_along(ps.log_softmax))
converts("Hardmax")(_along(_hardmax))


@converts("TopK")
def _top_k(call: Call, x: Value, k: Value | None = None) -> tuple[Tensor, Tensor]:
    count = call.need("k") if k is None else int(call.ints(k, "number k")[0])
    return ps.top_k(x.tensor, count, call.attr("axis", -1), largest=bool(call.attr("largest", 1)))
