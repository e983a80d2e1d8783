"""Ops that move elements and do not compute: reshape, transpose, concat, pad, tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import Value
from penstock_formats.onnx.writing._writer import channels_first_axes, channels_last_axes

if TYPE_CHECKING:
    from penstock._native import Node, Tensor
    from penstock_formats.onnx.writing._writer import GraphWriter


@exports("reshape")
def _(w: GraphWriter, node: Node) -> Value | None:
    x, out = node.inputs[0], node.outputs[0]
    if _keeps_order(w, x, out):
        w.keep_first(out, reshaped(w, w.first(x), _first_shape(out.shape)))
        return None
    return reshaped(w, w.value(x), out.shape)


def _first_shape(shape: Any) -> list[Any]:
    return [shape[axis] for axis in channels_first_axes(len(shape))]


def _keeps_order(w: GraphWriter, x: Tensor, out: Tensor) -> bool:
    """Whether channels stay last and only sides of size 1 come or go, so that they may stay first."""
    if not w.prefers_first(x) or out.ndim < 2:
        return False
    old, new = ([d for d in t.shape[1:-1] if not _is_one(d)] for t in (x, out))
    ends = [
        str(t.shape[0]) == str(out.shape[0]) and str(t.shape[-1]) == str(out.shape[-1])
        for t in (x,)
    ]
    return all(ends) and list(map(str, old)) == list(map(str, new))


def _is_one(size: Any) -> bool:
    return isinstance(size, int) and size == 1


def reshaped(w: GraphWriter, x: Value, shape: Any) -> Value:
    """Give a value a shape, whose sizes may be symbolic."""
    unknown = [i for i, size in enumerate(shape) if not isinstance(size, int)]
    if len(unknown) > 1 or any(isinstance(size, int) and size == 0 for size in shape):
        return x.op("Reshape", w.sizes.vector(shape), allowzero=1)
    return x.reshape(*(-1 if i in unknown else size for i, size in enumerate(shape)))


@exports("transpose")
def _(w: GraphWriter, node: Node) -> Value | None:
    (x,), axes = node.inputs, node.attrs["axes"]
    axes = tuple(reversed(range(x.ndim))) if axes is None else tuple(axes)
    if w.array(x) is not None:
        return w.permuted(x, axes)
    if not w.prefers_first(x):
        if x.ndim > 2 and axes == channels_last_axes(x.ndim):
            w.keep_first(node.outputs[0], w.value(x))
            return None
        return w.value(x).transpose(axes)
    # Of a value with its channels first: the permutation from there.
    return w.first(x).transpose([channels_first_axes(x.ndim).index(axis) for axis in axes])


@exports("broadcast_to")
def _(w: GraphWriter, node: Node) -> Value:
    return w.value(node.inputs[0]).op("Expand", w.sizes.vector(node.attrs["shape"]))


@exports("concat")
def _(w: GraphWriter, node: Node) -> Value | None:
    out, axis = node.outputs[0], node.attrs["axis"] % node.outputs[0].ndim
    dtype = out.dtype.name
    if any(w.prefers_first(t) for t in node.inputs):
        axis = channels_first_axes(out.ndim).index(axis)
        parts = [w.first(t) for t in node.inputs]
        w.keep_first(out, w.emitter.op("Concat", *parts, dtype=dtype, axis=axis))
        return None
    parts = [w.value(t) for t in node.inputs]
    made: Value = w.emitter.op("Concat", *parts, dtype=dtype, axis=axis)
    return made


@exports("pad")
def _(w: GraphWriter, node: Node) -> Value | None:
    (x,), out = node.inputs, node.outputs[0]
    widths = np.reshape(np.array(node.attrs["pad_width"], object), (x.ndim, 2))
    if x.ndim == 0:
        return w.value(x).op("Identity")
    if w.prefers_first(x):
        widths = widths[list(channels_first_axes(x.ndim))]
        w.keep_first(out, _padded(w, w.first(x), widths, node.attrs["value"]))
        return None
    return _padded(w, w.value(x), widths, node.attrs["value"])


def _padded(w: GraphWriter, x: Value, widths: Any, value: float) -> Value:
    return x.op("Pad", w.sizes.vector(widths.T.ravel().tolist()), x.like(value))


@exports("tile")
def _(w: GraphWriter, node: Node) -> Value:
    x = node.inputs[0]
    times = tuple(node.attrs["repetitions"])
    value = w.value(x)
    if len(times) > x.ndim:
        value = value.unsqueeze(*range(len(times) - x.ndim))
    times = (1,) * (x.ndim - len(times)) + times
    return value.op("Tile", w.sizes.vector(times))


@exports("repeat")
def _(w: GraphWriter, node: Node) -> Value:
    (x,), attrs, out = node.inputs, node.attrs, node.outputs[0]
    value, axis, repeats = w.value(x), attrs["axis"], tuple(attrs["repeats"])
    if axis is None:
        value, axis = value.reshape(-1), 0
    if len(repeats) == 1:  # also of a size that is not known: each row beside its copies
        times = [1] * (max(x.ndim, 1) + 1 if attrs["axis"] is not None else 2)
        times[axis + 1] = repeats[0]
        many = value.unsqueeze(axis + 1).op("Tile", w.sizes.vector(times))
        return reshaped(w, many, out.shape)
    return value.take(np.repeat(np.arange(len(repeats)), repeats), axis)


@exports("roll")
def _(w: GraphWriter, node: Node) -> Value:
    (x,), shift, axes = node.inputs, node.attrs["shift"], node.attrs["axis"]
    value = w.value(x)
    if axes is None:
        flat = _rolled(w, value.reshape(-1), int(np.sum(shift)), 0, x.size)
        return reshaped(w, flat, x.shape)
    for by, axis in zip(np.broadcast_to(shift, len(axes)).tolist(), axes, strict=True):
        value = _rolled(w, value, by, axis, x.shape[axis])
    return value


def _rolled(w: GraphWriter, x: Value, by: int, axis: int, size: Any) -> Value:
    """Cut the axis at a place and put the second part in front."""
    ints = w.emitter.ints
    if isinstance(size, int):
        start = ints([-by % size if size else 0])
    else:
        start = ints([-by]) % w.sizes.of(size).op("Max", 1)
    axes = ints([axis])
    behind = x.op("Slice", start, ints([2**62]), axes)
    front = x.op("Slice", ints([0]), start, axes)
    return behind.op("Concat", front, axis=axis)


@exports("slice")
def _(w: GraphWriter, node: Node) -> Value | None:
    x, out = node.inputs[0], node.outputs[0]
    windows = list(zip(*(node.attrs[name] for name in ("starts", "sizes", "steps")), strict=True))
    if w.prefers_first(x):
        windows = [windows[axis] for axis in channels_first_axes(x.ndim)]
        shape = [x.shape[axis] for axis in channels_first_axes(x.ndim)]
        w.keep_first(out, sliced(w, w.first(x), shape, windows))
        return None
    return sliced(w, w.value(x), x.shape, windows)


def sliced(w: GraphWriter, x: Value, shape: Any, windows: Any) -> Value:
    """Cut a window out of x: for each axis where it starts, how many elements it has, and in which steps."""
    axes = [
        axis
        for axis, (start, size, step) in enumerate(windows)
        if not (_is_zero(start) and str(size) == str(shape[axis]) and step == 1)
    ]
    if not axes:
        return x.op("Identity")
    starts = [windows[axis][0] for axis in axes]
    steps = [windows[axis][2] for axis in axes]
    ends = [_end(*windows[axis]) for axis in axes]
    ints, vector = w.emitter.ints, w.sizes.vector
    return x.op("Slice", vector(starts), vector(ends), ints(axes), ints(steps))


def _is_zero(size: Any) -> bool:
    return isinstance(size, int) and size == 0


def _end(start: Any, size: Any, step: int) -> Any:
    end = start + size * step
    # Backwards over the first element: a negative end would count from the back.
    if step < 0 and isinstance(end, int) and end < 0:
        return -(2**62)
    return end
