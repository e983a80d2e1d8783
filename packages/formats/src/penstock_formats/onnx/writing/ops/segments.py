"""Reductions by segment, unique elements, and boxes that do not overlap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import FormatError
from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import FLOATS, Value

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter

_HOW = {
    "segment_sum": ("add", 0.0),
    "segment_mean": ("add", 0.0),
    "segment_prod": ("mul", 1.0),
    "segment_max": ("max", -math.inf),
    "segment_min": ("min", math.inf),
}


@exports(*_HOW)
def _(w: GraphWriter, node: Node) -> Value:
    """Scatter into one row more than there are segments: there go those whose number is negative."""
    (data, ids), out = node.inputs, node.outputs[0]
    count, dtype = node.attrs["num_segments"], out.dtype.name
    how, start = _HOW[node.op]
    rows, value, rest = w.value(ids).cast("int64"), w.value(data).cast(dtype), out.shape[1:]
    if ids.ndim != 1:
        rows = rows.reshape(-1)
        value = value.op("Reshape", w.sizes.vector([ids.size, *rest]), allowzero=1)
    rows = (rows < 0).where(count, rows)
    base = w.emitter.constant(_start(start, dtype), dtype)
    base = base.op("Expand", w.sizes.vector([count + 1, *rest]))
    places = rows.unsqueeze(*range(1, out.ndim)) if rest else rows
    places = places.op("Expand", w.sizes.vector([ids.size, *rest]))
    made = base.op("ScatterElements", places, value, axis=0, reduction=how)
    ints = w.emitter.ints
    made = made.op("Slice", ints([0]), ints([count]), ints([0]))
    if node.op != "segment_mean":
        return made
    ones = w.emitter.constant(1, dtype).op("Expand", w.sizes.vector([ids.size]))
    numbers = w.emitter.constant(np.zeros(count + 1), dtype)
    numbers = numbers.op("ScatterElements", rows, ones, axis=0, reduction="add")
    numbers = numbers.op("Slice", ints([0]), ints([count]), ints([0])).op("Max", 1)
    return made / numbers.reshape(count, *[1] * len(rest))


def _start(start: float, dtype: str) -> Any:
    if dtype in FLOATS or math.isfinite(start):
        return start
    limits = np.iinfo(dtype)
    return limits.min if start < 0 else limits.max


@exports("unique")
def _(w: GraphWriter, node: Node) -> list[Value]:
    (x,), size = node.inputs, node.attrs["size"]
    value = w.value(x)
    ints, emitter = w.emitter.ints, w.emitter
    values, first, places, counts = emitter.op(
        "Unique", value, dtype=[value.dtype, "int64", "int64", "int64"], sorted=1
    )
    number = values.op("Shape", dtype="int64")
    wanted = ints(range(size))
    rows = (wanted < number).where(wanted, 0)
    filled = counts.op("Pad", ints([0, size]), 0).op("Slice", ints([0]), ints([size]))
    return [
        values.op("Gather", rows, axis=0),
        first.op("Gather", rows, axis=0).cast(node.outputs[1].dtype.name),
        places.op("Reshape", w.shape(x), allowzero=1).cast(node.outputs[2].dtype.name),
        filled.cast(node.outputs[3].dtype.name),
    ]


@exports("non_max_suppression")
def _(w: GraphWriter, node: Node) -> list[Value]:
    attrs, emitter, ints = node.attrs, w.emitter, w.emitter.ints
    if attrs["soft_nms_sigma"] > 0:
        raise FormatError(
            f"[onnx] {node.name} (non_max_suppression) has soft_nms_sigma {attrs['soft_nms_sigma']}; ONNX only leaves "
            "boxes out. Export what is before it, or use soft_nms_sigma=0"
        )
    boxes, scores = (w.value(t).cast("float32") for t in node.inputs)
    most, least = attrs["max_output_size"], attrs["score_threshold"]
    limit = None if least is None else emitter.constant([least], "float32")
    found = emitter.op(
        *("NonMaxSuppression", boxes.unsqueeze(0), scores.unsqueeze(0, 1), ints([most])),
        *(emitter.constant([attrs["iou_threshold"]], "float32"), limit),
        dtype="int64",
    )
    places = found.op("Gather", emitter.constant(2, "int64"), axis=1)
    count = places.op("Shape", dtype="int64")
    picked = w.value(node.inputs[1]).op("Gather", places, axis=0)
    widths = ints([0]).op("Concat", most - count, axis=0)
    out = [t.dtype.name for t in node.outputs]
    return [
        places.op("Pad", widths, 0).cast(out[0]),
        picked.op("Pad", widths, 0).cast(out[1]),
        count.squeeze(0).cast(out[2]),
    ]
