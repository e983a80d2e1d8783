"""Arithmetic of sizes that are not known yet: nodes whose inputs are integers and names of sizes.

Such nodes compute shapes for other nodes. They are computed here, once, so that the graph has dimensions in place of
tensors. What cannot be told about a name, such as which of two is larger, is left to the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock._native import Dim
from penstock_formats.onnx.reading import indexing_rules
from penstock_formats.onnx.reading.file import DTYPES
from penstock_formats.onnx.reading.values import Array, Value, simplified

if TYPE_CHECKING:
    from penstock_formats.onnx.reading.table import Call

MOST = 4096
"""Larger arrays are no shapes."""

Rule = Callable[..., Any]
_RULES: dict[str, Rule] = {}


class _UnknownError(Exception):
    """The answer depends on a size."""


def computed(call: Call, inputs: Sequence[Value | None]) -> list[Value | None] | None:
    """Compute a node on sizes, or return None if it is none of these, or cannot be told."""
    rule = _RULES.get(call.node.op_type)
    given = [v for v in inputs if v is not None]
    if (
        rule is None
        or call.node.domain not in ("", "ai.onnx")
        or not any(v.has_dims for v in given)
    ):
        return None
    if not all(v.is_constant or v.has_dims for v in given):
        return None
    arrays = [None if v is None else v.host for v in inputs]
    if any(a is not None and a.size > MOST for a in arrays):
        return None
    if call.node.op_type == "Div" and any("float" in v.dtype for v in given):
        return None
    try:
        made = rule(call, *arrays)
    except _UnknownError:
        return None
    results = made if isinstance(made, list) else [made]
    dtype = _result_dtype(call, given)
    return [_as_value(a, dtype) for a in results]


def _as_value(array: Array, dtype: str) -> Value:
    if array.dtype == bool:
        return Value(host=array)
    return simplified(array, dtype)


def _result_dtype(call: Call, given: Sequence[Value]) -> str:
    if call.node.op_type == "Cast":
        return DTYPES.get(call.need("to"), "int64")
    return given[1 if call.node.op_type == "Where" else 0].dtype


def rule(*ops: str) -> Callable[[Rule], Rule]:
    """Register how operators are computed on arrays of integers and dimensions."""

    def register(function: Rule) -> Rule:
        for op in ops:
            _RULES[op] = function
        return function

    return register


def _whole(item: Any) -> Any:
    """Return an item as an integer or dimension."""
    if isinstance(item, Dim | int):
        return item
    if float(item).is_integer():
        return int(item)
    raise _UnknownError


def _objects(array: Array) -> Array:
    made = np.empty(array.shape, object)
    made.reshape(-1)[:] = [_whole(item) for item in array.reshape(-1).tolist()]
    return made


def _each(function: Callable[[Any, Any], Any]) -> Rule:
    def compute(_: Call, a: Array, b: Array) -> Array:
        made: Array = np.asarray(np.frompyfunc(function, 2, 1)(_objects(a), _objects(b)), object)
        return made

    return compute


def _divided(a: Any, b: Any) -> Any:
    if isinstance(b, Dim) or b <= 0 or (not isinstance(a, Dim) and a < 0):
        raise _UnknownError
    return a // b


def _rest(a: Any, b: Any) -> Any:
    if isinstance(b, Dim) or b <= 0:
        raise _UnknownError
    return a % b


def _are_equal(a: Any, b: Any) -> bool:
    if str(a) == str(b):
        return True
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Dim) and not isinstance(other, Dim) and other < 0:
            return False
    if isinstance(a, Dim) or isinstance(b, Dim):
        raise _UnknownError
    return False


_RULES |= {
    "Add": _each(lambda a, b: a + b),
    "Sub": _each(lambda a, b: a - b),
    "Mul": _each(lambda a, b: a * b),
    "Mod": _each(_rest),
}


@rule("Div")
def _(call: Call, a: Array, b: Array) -> Array:
    return _each(_divided)(call, a, b)  # type: ignore[no-any-return]


@rule("Equal")
def _(_call: Call, a: Array, b: Array) -> Array:
    made = np.frompyfunc(_are_equal, 2, 1)(_objects(a), _objects(b))
    return np.asarray(made, bool)


@rule("Where")
def _(_call: Call, condition: Array, a: Array, b: Array) -> Array:
    if condition.dtype == object:
        raise _UnknownError
    return np.where(condition, _objects(a), _objects(b))


@rule("Identity", "Floor", "Ceil")
def _(_call: Call, a: Array) -> Array:
    return a


@rule("Cast")
def _(call: Call, a: Array) -> Array:
    if call.need("to") not in (1, 6, 7, 11):
        raise _UnknownError
    return a


@rule("Neg")
def _(_call: Call, a: Array) -> Array:
    return np.asarray(-_objects(a), object)


@rule("Gather")
def _(call: Call, a: Array, indices: Array) -> Array:
    return np.asarray(
        np.take(_objects(a), indices.astype(np.int64), axis=call.attr("axis", 0)), object
    )


@rule("Concat")
def _(call: Call, *arrays: Array) -> Array:
    return np.concatenate([_objects(a) for a in arrays], axis=call.need("axis"))


@rule("Unsqueeze")
def _(call: Call, a: Array, axes: Array | None = None) -> Array:
    wanted = call.attr("axes") if axes is None else axes.tolist()
    return np.expand_dims(_objects(a), tuple(wanted))


@rule("Squeeze")
def _(call: Call, a: Array, axes: Array | None = None) -> Array:
    wanted = call.attr("axes") if axes is None else axes.tolist()
    return np.asarray(np.squeeze(_objects(a), None if wanted is None else tuple(wanted)), object)


@rule("Reshape")
def _(_call: Call, a: Array, shape: Array) -> Array:
    if shape.dtype == object:
        raise _UnknownError
    return _objects(a).reshape([int(n) for n in shape])


@rule("Flatten")
def _(_call: Call, a: Array) -> Array:
    return _objects(a).reshape(1, -1)


@rule("Expand")
def _(_call: Call, a: Array, shape: Array) -> Array:
    if shape.dtype == object:
        raise _UnknownError
    whole = np.broadcast_shapes(a.shape, tuple(shape.tolist()))
    if math.prod(whole) > MOST:
        raise _UnknownError
    return np.broadcast_to(_objects(a), whole).copy()


@rule("Slice")
def _(call: Call, a: Array, *bounds: Array | None) -> Array:
    if any(b is not None and b.dtype == object for b in bounds):
        raise _UnknownError
    return _objects(a)[
        indexing_rules.slices_of(call, a.shape, [None if b is None else b.tolist() for b in bounds])
    ]


@rule("Split")
def _(call: Call, a: Array, sizes: Array | None = None) -> list[Array]:
    axis = call.attr("axis", 0)
    given = call.attr("split") if sizes is None else sizes.tolist()
    parts = indexing_rules.split_sizes(a.shape[axis], given, call.attr("num_outputs"), call.count())
    return list(np.split(_objects(a), np.cumsum(parts)[:-1], axis))


@rule("ReduceProd", "ReduceSum")
def _(call: Call, a: Array, axes: Array | None = None) -> Array:
    wanted = call.attr("axes") if axes is None else tuple(axes.tolist())
    if wanted == () and call.attr("noop_with_empty_axes", 0):
        return a
    chosen = tuple(wanted) if wanted else None
    function = np.prod if call.node.op_type == "ReduceProd" else np.sum
    made = function(_objects(a), axis=chosen, keepdims=bool(call.attr("keepdims", 1)))
    return np.asarray(made, object)
