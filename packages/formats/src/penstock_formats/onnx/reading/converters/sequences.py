"""Sequences and optional values: lists of this program, whose lengths a graph must know."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock_formats.onnx.reading.indexing_rules import split_sizes
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value


def items_of(call: Call, value: Value) -> list[Value]:
    """Return the parts of a sequence."""
    if value.items is None:
        raise call.wrong("gets a tensor for a sequence", "export the model again")
    return value.items


def _place(call: Call, place: Value | None, count: int, default: int) -> int:
    if place is None:
        return default
    i = int(call.ints(place, "position")[0])
    if not -count <= i <= count:
        raise call.wrong(f"takes item {i} of {count}", "export the model again")
    return i + count if i < 0 else i


@converts("SequenceConstruct")
def _construct(_call: Call, *values: Value) -> Value:
    return Value(items=list(values))


@converts("SequenceEmpty")
def _empty(_call: Call) -> Value:
    return Value(items=[])


@converts("SequenceAt")
def _at(call: Call, sequence: Value, place: Value) -> Value:
    items = items_of(call, sequence)
    return items[_place(call, place, len(items), 0)]


@converts("SequenceInsert")
def _insert(call: Call, sequence: Value, item: Value, place: Value | None = None) -> Value:
    items = items_of(call, sequence)
    at = _place(call, place, len(items), len(items))
    return Value(items=[*items[:at], item, *items[at:]])


@converts("SequenceErase")
def _erase(call: Call, sequence: Value, place: Value | None = None) -> Value:
    items = items_of(call, sequence)
    at = _place(call, place, len(items), len(items) - 1)
    return Value(items=[*items[:at], *items[at + 1 :]])


@converts("SequenceLength")
def _length(call: Call, sequence: Value) -> Value:
    return Value(host=np.array(len(items_of(call, sequence))))


@converts("ConcatFromSequence")
def _concat(call: Call, sequence: Value) -> Any:
    tensors = [v.tensor for v in items_of(call, sequence)]
    return (ps.stack if call.attr("new_axis", 0) else ps.concat)(tensors, call.need("axis"))


@converts("SplitToSequence")
def _split(call: Call, x: Value, sizes: Value | None = None) -> Value:
    axis, t = call.attr("axis", 0), x.tensor
    length = t.shape[axis]
    if not isinstance(length, int):
        call.only_eager("makes as many items as there happen to be")
    given = [1] * length if sizes is None else call.ints(sizes, "sizes")
    if sizes is not None and sizes.ndim == 0:
        given = [given[0]] * (length // given[0]) + (
            [length % given[0]] if length % given[0] else []
        )
    parts, start, made = split_sizes(length, given, None, 0), 0, []
    for size in parts:
        made.append(t[(slice(None),) * (axis % t.ndim) + (slice(start, start + size),)])
        start += size
    if sizes is None and not call.attr("keepdims", 1):
        made = [ps.squeeze(part, axis=axis) for part in made]
    return Value(items=[Value(part) for part in made])


@converts("Optional")
def _optional(_call: Call, value: Value | None = None) -> Value:
    return value if value is not None else Value.nothing()


@converts("OptionalHasElement")
def _has_element(_call: Call, value: Value | None = None) -> Value:
    return Value(host=np.array(value is not None and not value.is_nothing))


@converts("OptionalGetElement")
def _get_element(call: Call, value: Value) -> Value:
    if value.is_nothing:
        raise call.wrong(
            "takes the value of an optional that has none", "ask with OptionalHasElement before"
        )
    return value
