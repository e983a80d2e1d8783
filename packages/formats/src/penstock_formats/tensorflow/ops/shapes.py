"""Ops on shapes, and those that move numbers and change none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from penstock import Tensor, ops
from penstock_formats.tensorflow._node import Array, Node, all_known, integer, known, sizes, tensor
from penstock_formats.tensorflow._problems import damaged
from penstock_formats.tensorflow._registry import tf_op

_MOST_KNOWN = 1 << 20
"""So many numbers are computed while a file is read; more are left to the graph."""


def _as_array(shape: Any) -> Array:
    """Hold sizes, some of which may vary."""
    fixed = all(isinstance(n, int) for n in shape)
    found = np.empty(len(shape), np.int32 if fixed else object)
    found[:] = list(shape)
    return found


@tf_op("Shape")
def _(node: Node, x: Any) -> Array:
    return _as_array(tensor(x).shape)


@tf_op("Rank")
def _(node: Node, x: Any) -> Array:
    return np.asarray(tensor(x).ndim, np.int32)


@tf_op("Size")
def _(node: Node, x: Any) -> Array:
    return np.asarray(math.prod(tensor(x).shape))


@tf_op("Reshape")
def _(node: Node, x: Any, shape: Any) -> Any:
    wanted = sizes(node, shape)
    if all_known([x]):
        return np.reshape(x, [int(n) for n in wanted])
    x = tensor(x)
    unknown = [i for i, n in enumerate(wanted) if isinstance(n, int) and n == -1]
    if len(unknown) > 1:
        raise damaged(f"{node} has the shape {wanted}")
    if unknown:
        rest = math.prod(n for i, n in enumerate(wanted) if i != unknown[0])
        whole = math.prod(x.shape)
        wanted[unknown[0]] = whole // rest if not isinstance(rest, int) or rest else 0
    return ops.reshape(x, wanted)


@tf_op("Transpose")
def _(node: Node, x: Any, axes: Any) -> Any:
    order = [int(a) for a in known(node, axes).ravel()]
    return np.transpose(x, order) if all_known([x]) else ops.transpose(tensor(x), order)


@tf_op("Squeeze")
def _(node: Node, x: Any) -> Any:
    axes = tuple(node.integers("squeeze_dims"))
    if all_known([x]):
        return np.squeeze(x, axes or None)
    x = tensor(x)
    return ops.squeeze(
        x, axes or tuple(a for a, n in enumerate(x.shape) if isinstance(n, int) and n == 1)
    )


@tf_op("ExpandDims")
def _(node: Node, x: Any, axis: Any) -> Any:
    place = integer(node, axis)
    return np.expand_dims(x, place) if all_known([x]) else ops.expand_dims(tensor(x), place)


@tf_op("ConcatV2")
def _(node: Node, *given: Any) -> Any:
    *xs, axis = given
    return _joined(node, xs, integer(node, axis))


@tf_op("Concat")
def _(node: Node, axis: Any, *xs: Any) -> Any:
    return _joined(node, list(xs), integer(node, axis))


def _joined(node: Node, xs: list[Any], axis: int) -> Any:
    if all_known(xs):
        return np.concatenate(xs, axis)
    return ops.concat([tensor(x) for x in xs], axis)


@tf_op("Pack")
def _(node: Node, *xs: Any) -> Any:
    axis = node.integer("axis", 0)
    if all_known(xs):
        return np.stack([np.asarray(x) for x in xs], axis)
    return ops.stack([tensor(x) for x in xs], axis)


@tf_op("Unpack")
def _(node: Node, x: Any) -> list[Any]:
    axis = node.integer("axis", 0)
    if all_known([x]):
        return [np.asarray(row) for row in np.moveaxis(x, axis, 0)]
    return list(ops.unstack(tensor(x), axis=axis))


@tf_op("Split")
def _(node: Node, axis: Any, x: Any) -> list[Tensor]:
    return list(ops.split(tensor(x), node.integer("num_split"), axis=integer(node, axis)))


@tf_op("SplitV")
def _(node: Node, x: Any, parts: Any, axis: Any) -> list[Tensor]:
    x, place = tensor(x), integer(node, axis)
    lengths = [int(n) for n in known(node, parts).ravel()]
    if -1 in lengths:
        lengths[lengths.index(-1)] = int(x.shape[place]) - sum(n for n in lengths if n != -1)
    ends = np.cumsum(lengths)[:-1].tolist()
    return list(ops.split(x, ends, axis=place))


@tf_op("Slice")
def _(node: Node, x: Any, begins: Any, lengths: Any) -> Any:
    first, count = sizes(node, begins), sizes(node, lengths)
    cut = tuple(
        slice(a, None if isinstance(n, int) and n == -1 else a + n)
        for a, n in zip(first, count, strict=True)
    )
    return np.asarray(x)[cut] if all_known([x]) else tensor(x)[cut]


@tf_op("StridedSlice")
def _(node: Node, x: Any, begins: Any, ends: Any, steps: Any) -> Any:
    rows = zip(*(sizes(node, v) for v in (begins, ends, steps)), strict=True)
    masks = {
        name: node.integer(f"{name}_mask", 0)
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    cut: list[Any] = []
    for i, (begin, end, step) in enumerate(rows):
        on = {name: bool(mask >> i & 1) for name, mask in masks.items()}
        if on["ellipsis"]:
            cut.append(Ellipsis)
        elif on["new_axis"]:
            cut.append(None)
        elif on["shrink_axis"]:
            cut.append(begin)
        else:
            cut.append(slice(None if on["begin"] else begin, None if on["end"] else end, step))
    return np.asarray(np.asarray(x)[tuple(cut)]) if all_known([x]) else tensor(x)[tuple(cut)]


@tf_op("Gather", "GatherV2")
def _(node: Node, x: Any, indices: Any, axis: Any = None) -> Any:
    place = 0 if axis is None else integer(node, axis)
    batch = node.integer("batch_dims", 0)
    if all_known([x, indices]) and not batch:
        return np.take(x, indices, place)
    if batch:
        return ops.gather(tensor(x), tensor(indices), place, batch_dims=batch)
    return ops.take(tensor(x), tensor(indices), place)


@tf_op("GatherNd")
def _(node: Node, x: Any, indices: Any) -> Tensor:
    return ops.gather_nd(tensor(x), tensor(indices))


@tf_op("Pad", "PadV2", "MirrorPad")
def _(node: Node, x: Any, pads: Any, value: Any = None) -> Tensor:
    width = [(int(a), int(b)) for a, b in known(node, pads)]
    mode = "constant" if node.op != "MirrorPad" else node.text("mode").lower()
    return ops.pad(tensor(x), width, mode, 0.0 if value is None else float(known(node, value)))


@tf_op("Tile")
def _(node: Node, x: Any, times: Any) -> Tensor:
    return ops.tile(tensor(x), [int(n) for n in sizes(node, times)])


@tf_op("BroadcastTo")
def _(node: Node, x: Any, shape: Any) -> Tensor:
    return ops.broadcast_to(tensor(x), sizes(node, shape))


@tf_op("Fill")
def _(node: Node, shape: Any, value: Any) -> Any:
    wanted = sizes(node, shape)
    if all_known([value]) and all(isinstance(n, int) for n in wanted):
        count = math.prod(wanted)
        if 0 <= count <= _MOST_KNOWN:
            return np.full(wanted, value)
    return ops.broadcast_to(tensor(value), wanted)


@tf_op("Range")
def _(node: Node, start: Any, stop: Any, step: Any) -> Any:
    ends: list[Any] = [known(node, v).reshape(())[()] for v in (start, stop, step)]
    if not all(isinstance(end, np.generic) for end in ends):
        return ops.arange(ends[0], ends[1], ends[2], dtype=node.dtype("Tidx", 3))
    count = -((float(ends[0]) - float(ends[1])) // float(ends[2]))
    if count > _MOST_KNOWN:
        raise damaged(f"{node} makes {count:.0f} numbers")
    return np.arange(ends[0], ends[1], ends[2]).astype(node.dtype("Tidx", 3))


@tf_op("ZerosLike", "OnesLike")
def _(node: Node, x: Any) -> Tensor:
    return (ops.zeros_like if node.op == "ZerosLike" else ops.ones_like)(tensor(x))


@tf_op("ReverseV2")
def _(node: Node, x: Any, axes: Any) -> Tensor:
    return ops.flip(tensor(x), axis=tuple(int(a) for a in known(node, axes).ravel()))


@tf_op("BatchToSpaceND")
def _(node: Node, x: Any, block: Any, crops: Any) -> Tensor:
    x, blocks = tensor(x), [int(n) for n in known(node, block).ravel()]
    k, shape = len(blocks), x.shape
    batch = shape[0] // math.prod(blocks)
    x = ops.reshape(x, (*blocks, batch, *shape[1:]))
    order = [k]
    for i in range(k):
        order += [k + 1 + i, i]
    x = ops.transpose(x, [*order, *range(2 * k + 1, x.ndim)])
    wide = [n * b for n, b in zip(shape[1 : k + 1], blocks, strict=True)]
    x = ops.reshape(x, (batch, *wide, *shape[k + 1 :]))
    rows = known(node, crops).tolist()
    cut = [slice(a, n - b) for n, (a, b) in zip(wide, rows, strict=True)]
    return tensor(x[(slice(None), *cut)])


@tf_op("SpaceToBatchND")
def _(node: Node, x: Any, block: Any, pads: Any) -> Tensor:
    x, blocks = tensor(x), [int(n) for n in known(node, block).ravel()]
    k = len(blocks)
    rows = [(int(a), int(b)) for a, b in known(node, pads)]
    x = ops.pad(x, [(0, 0), *rows, *[(0, 0)] * (x.ndim - k - 1)])
    shape = x.shape
    parts: list[Any] = []
    for n, b in zip(shape[1 : k + 1], blocks, strict=True):
        parts += [n // b, b]
    x = ops.reshape(x, (shape[0], *parts, *shape[k + 1 :]))
    order = [*range(2, 2 * k + 1, 2), 0, *range(1, 2 * k, 2), *range(2 * k + 1, x.ndim)]
    x = ops.transpose(x, order)
    return ops.reshape(x, (shape[0] * math.prod(blocks), *parts[::2], *shape[k + 1 :]))
