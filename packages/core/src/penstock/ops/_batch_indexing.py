"""Batch rules of ops that read and write at indices; see `_batch.py` for what a rule is.

One that returns None has no single call for this case: the op is then called row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock import _native, ops
from penstock._native import Tensor
from penstock.ops._batch import align, for_all
from penstock.ops._scatter_gradients import first_counted


def with_row_numbers(indices: Tensor, batched: bool, size: Any) -> Tensor:
    """Put the number of its row before every coordinate: [..., k] becomes [size, ..., k + 1]."""
    indices = ops.cast(for_all(indices, batched, size), "int64")
    numbers = first_counted(size, indices.ndim, 0)
    return ops.concat([ops.broadcast_to(numbers, (*indices.shape[:-1], 1)), indices], -1)


def _as_coordinates(indices: Tensor, size: Any) -> Tensor:
    """Turn every row's indices into pairs of row and index."""
    return with_row_numbers(ops.expand_dims(indices, -1), True, size)


def _moved_group(t: Tensor, first: int, count: int, to: int) -> Tensor:
    """Move `count` axes that begin at `first` so that they begin at `to`."""
    rest = [a for a in range(t.ndim) if not first <= a < first + count]
    order = [*rest[:to], *range(first, first + count), *rest[to:]]
    return t if order == list(range(t.ndim)) else ops.transpose(t, order)


def taken(node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any) -> list[Tensor]:
    """Take from every row, or every row's indices from one tensor, or every row's from its own."""
    x, indices = inputs
    axis = node.attrs.get("axis", 0)
    if not batched[1]:
        return [ops.take(x, indices, axis=axis + 1)]
    if not batched[0]:
        return [_moved_group(ops.take(x, indices, axis=axis), axis, 1, 0)]
    rows = _moved_group(x, axis + 1, 1, 1)
    made = ops.gather_nd(rows, _as_coordinates(indices, size))
    count = node.inputs[1].ndim
    return [_moved_group(made, 1, count, 1 + axis)]


def gathered(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Gather at every row's coordinates."""
    x, indices = inputs
    if not batched[0]:
        return [ops.gather_nd(x, indices)]
    return [ops.gather_nd(x, with_row_numbers(indices, batched[1], size))]


def scattered_at_coordinates(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Scatter into every row."""
    x, indices, updates = inputs
    places = with_row_numbers(indices, batched[1], size)
    rows = [for_all(x, batched[0], size), places, for_all(updates, batched[2], size)]
    return _native.call_op(node.op, rows, node.attrs)


_AT_COORDINATES = {
    "scatter": "scatter_nd_update",
    "scatter_add": "scatter_nd_add",
    "scatter_max": "scatter_nd_max",
    "scatter_min": "scatter_nd_min",
}


def scattered(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Scatter along an axis of every row."""
    x, indices, updates = inputs
    axis = node.attrs["axis"]
    x, updates = for_all(x, batched[0], size), for_all(updates, batched[2], size)
    if not batched[1]:
        return _native.call_op(node.op, [x, indices, updates], {"axis": axis + 1})
    count = node.inputs[1].ndim
    rows = _moved_group(x, axis + 1, 1, 1)
    updates = _moved_group(updates, axis + 1, count, 1)
    places = _as_coordinates(indices, size)
    (made,) = _native.call_op(_AT_COORDINATES[node.op], [rows, places, updates], {})
    return [_moved_group(made, 1, 1, axis + 1)]


def along_axis(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Call an op along `axis` whose inputs broadcast apart from it."""
    rows = [
        t if b else ops.expand_dims(t, 0)
        for t, b in zip(align(node, inputs, batched, size), batched, strict=True)
    ]
    rows[0] = for_all(inputs[0], batched[0], size)
    return _native.call_op(node.op, rows, {**node.attrs, "axis": node.attrs["axis"] + 1})


def segmented(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor] | None:
    """Reduce the segments of every row, when they are the same in all."""
    data, ids = inputs
    if batched[1]:
        return None
    made = _native.call_op(node.op, [ops.moveaxis(data, 0, ids.ndim), ids], node.attrs)
    return [ops.moveaxis(t, 1, 0) for t in made]


def searched(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Search in one sequence for all rows, or in every row's own."""
    sequence, values = inputs
    if not batched[0] and node.inputs[0].ndim == 1:
        return _native.call_op(node.op, inputs, node.attrs)
    sequence, values = for_all(sequence, batched[0], size), for_all(values, batched[1], size)
    shape = values.shape
    if node.inputs[0].ndim == 1:
        values = ops.reshape(values, (size, node.inputs[1].size))
    made = _native.call_op(node.op, [sequence, values], node.attrs)
    return [ops.reshape(t, shape) for t in made]


def updated_slice(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Replace a slice of every row."""
    x, update = (for_all(t, b, size) for t, b in zip(inputs, batched, strict=True))
    starts, steps = node.attrs["starts"], node.attrs["steps"]
    return [ops.slice_update(x, update, (0, *starts), (1, *steps))]


def on_diagonal(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Read or replace a diagonal of every row's matrices."""
    attrs = dict(node.attrs)
    rank = node.inputs[0].ndim
    attrs["axis1"], attrs["axis2"] = (attrs[a] % rank + 1 for a in ("axis1", "axis2"))
    rows = [for_all(t, b, size) for t, b in zip(inputs, batched, strict=True)]
    return _native.call_op(node.op, rows, attrs)


def flattened(rule_axis: str = "axis", restores: bool = False) -> Callable[..., list[Tensor]]:
    """Make the rule of an op for which no axis means the flattened tensor.

    Args:
        rule_axis: The attribute.
        restores: Whether the op then gives the shape back.
    """

    def rule(
        node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
    ) -> list[Tensor]:
        (x,), rank = inputs, node.inputs[0].ndim
        axis = node.attrs[rule_axis]
        if axis is None:
            x, axis = ops.reshape(x, (size, node.inputs[0].size)), 1
        elif isinstance(axis, int):
            axis = axis % max(rank, 1) + 1
        else:
            axis = tuple(a % max(rank, 1) + 1 for a in axis)
        (made,) = _native.call_op(node.op, [x], {**node.attrs, rule_axis: axis})
        return [ops.reshape(made, inputs[0].shape) if restores else made]

    return rule


def tiled(node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any) -> list[Tensor]:
    """Tile every row."""
    counts, rank = tuple(node.attrs["repetitions"]), node.inputs[0].ndim
    counts = (1,) * (rank - len(counts)) + counts
    extra = len(counts) - rank
    x = ops.reshape(inputs[0], (size, *(1,) * extra, *inputs[0].shape[1:]))
    return [ops.tile(x, (1, *counts))]
