"""Picking elements by indices, and putting some in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import Value

if TYPE_CHECKING:
    from penstock._native import Node, Tensor
    from penstock_formats.onnx.writing._writer import GraphWriter

_COMBINE = {
    "scatter": None,
    "set": None,
    "scatter_add": "add",
    "scatter_max": "max",
    "scatter_min": "min",
}


@exports("take", "embedding")
def _(w: GraphWriter, node: Node) -> Value:
    x, indices = node.inputs
    return w.value(x).op("Gather", _int64(w, indices), axis=node.attrs.get("axis", 0))


def _int64(w: GraphWriter, indices: Tensor) -> Value:
    return w.value(indices).cast("int64")


@exports("take_along_axis")
def _(w: GraphWriter, node: Node) -> Value:
    (x, indices), axis = node.inputs, node.attrs["axis"]
    out = node.outputs[0]
    places = _spread(w, _int64(w, indices), indices.shape, out.shape)
    rows = [*out.shape[:axis], x.shape[axis], *out.shape[axis + 1 :]]
    return _spread(w, w.value(x), x.shape, rows).op("GatherElements", places, axis=axis)


def _spread(w: GraphWriter, x: Value, shape: Any, wanted: Any) -> Value:
    """Broadcast to a shape, unless it is that of x."""
    if list(map(str, shape)) == list(map(str, wanted)):
        return x
    return x.op("Expand", w.sizes.vector(wanted))


@exports("gather_nd")
def _(w: GraphWriter, node: Node) -> Value:
    x, indices = node.inputs
    return w.value(x).op("GatherND", _int64(w, indices))


@exports("scatter", "scatter_add", "scatter_max", "scatter_min")
def _(w: GraphWriter, node: Node) -> Value:
    """Give each element of an update its place along the axis, as ONNX wants it."""
    (x, indices, updates), axis, out = node.inputs, node.attrs["axis"], node.outputs[0]
    dtype = out.dtype.name
    places = _int64(w, indices)
    shape = [*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]]
    update = _spread(w, w.value(updates).cast(dtype), updates.shape, shape)
    if indices.ndim != 1:
        places = places.reshape(-1)
        flat = [*x.shape[:axis], _product(indices.shape), *x.shape[axis + 1 :]]
        update, shape = update.op("Reshape", w.sizes.vector(flat), allowzero=1), flat
    behind = range(1, x.ndim - axis)
    column = places.unsqueeze(*behind) if behind else places
    every = column.op("Expand", w.sizes.vector(shape))
    value = w.value(x).cast(dtype)
    return value.op("ScatterElements", every, update, axis=axis, reduction=_COMBINE[node.op])


def _product(sizes: Any) -> Any:
    total: Any = 1
    for size in sizes:
        total = total * size
    return total


@exports("put_along_axis")
def _(w: GraphWriter, node: Node) -> Value:
    (x, indices, values), axis, out = node.inputs, node.attrs["axis"], node.outputs[0]
    dtype = out.dtype.name
    shape = [*x.shape[:axis], indices.shape[axis], *x.shape[axis + 1 :]]
    places = _spread(w, _int64(w, indices), indices.shape, shape)
    update = _spread(w, w.value(values).cast(dtype), values.shape, shape)
    value = w.value(x).cast(dtype)
    how = _COMBINE.get(node.attrs["mode"], node.attrs["mode"])
    return value.op("ScatterElements", places, update, axis=axis, reduction=how)


@exports("scatter_nd_update", "scatter_nd_add", "scatter_nd_max", "scatter_nd_min")
def _(w: GraphWriter, node: Node) -> Value:
    (x, indices, updates), out = node.inputs, node.outputs[0]
    dtype = out.dtype.name
    shape = [*indices.shape[:-1], *x.shape[indices.shape[-1] :]]
    update = _spread(w, w.value(updates).cast(dtype), updates.shape, shape)
    how = None if node.op.endswith("update") else node.op.rsplit("_", 1)[-1]
    value = w.value(x).cast(dtype)
    return value.op("ScatterND", _int64(w, indices), update, reduction=how)


@exports("one_hot")
def _(w: GraphWriter, node: Node) -> Value:
    (indices,), attrs = node.inputs, node.attrs
    classes = w.emitter.ints(range(attrs["depth"]))
    hot = _int64(w, indices).unsqueeze(-1).op("Equal", classes, dtype="bool")
    return hot.cast(attrs["dtype"].name)


@exports("nonzero")
def _(w: GraphWriter, node: Node) -> Value:
    """Find them all, then cut off or fill up to the size that was asked for."""
    (x,), size = node.inputs, node.attrs["size"]
    found = w.value(x).cast("bool").op("NonZero", dtype="int64")
    ints = w.emitter.ints
    widths = ints([0, 0, 0, size])
    filled = found.op("Pad", widths, node.attrs["fill"])
    return filled.op("Slice", ints([0]), ints([size]), ints([1]))
