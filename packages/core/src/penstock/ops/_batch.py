"""How families of ops compute many rows in one call: the rules that `.batch` attaches.

A rule is `fn(node, inputs, batched, size)`: the call for one row, the tensors for all rows, which of them have a
leading axis of `size` rows, and that size. It returns the outputs, all with that leading axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock import _native, ops
from penstock._native import Tensor


def same(node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any) -> list[Tensor]:
    """Call the op as it is: more leading axes mean more rows, and all inputs have them."""
    rows = [_for_all(t, b, size) for t, b in zip(inputs, batched, strict=True)]
    return _native.call_op(node.op, rows, node.attrs)


def aligned(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Call an op that broadcasts: rows get axes of size 1 where others have more axes."""
    return _native.call_op(node.op, align(node, inputs, batched, size), node.attrs)


def align(node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any) -> list[Tensor]:
    """Give every batched input as many axes as the largest input has, after the batch axis."""
    rank = max(t.ndim for t in node.inputs)
    return [
        lift(t, row.ndim, rank, size) if b else t
        for t, row, b in zip(inputs, node.inputs, batched, strict=True)
    ]


def lift(t: Tensor, ndim: int, rank: int, size: Any) -> Tensor:
    """Insert axes of size 1 after the batch axis, so that rows of `ndim` axes have `rank`."""
    if ndim == rank:
        return t
    return ops.reshape(t, (size, *(1,) * (rank - ndim), *t.shape[1:]))


def one_axis(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Call an op that works along `axis`, whose number goes up by one."""
    attrs = dict(node.attrs)
    rank = node.inputs[0].ndim
    attrs["axis"] = _shifted(attrs["axis"], rank)
    rows = [_for_all(t, b, size) for t, b in zip(inputs, batched, strict=True)]
    return _native.call_op(node.op, rows, attrs)


def _shifted(axis: Any, rank: int) -> Any:
    if axis is None:
        return tuple(range(1, rank + 1))
    if isinstance(axis, int):
        return axis % max(rank, 1) + 1
    return tuple(a % max(rank, 1) + 1 for a in axis)


def flat_axis(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Call an op for which `axis=None` means the flattened tensor."""
    attrs = dict(node.attrs)
    (x,) = inputs
    if attrs["axis"] is not None:
        return one_axis(node, inputs, batched, size)
    flat = ops.reshape(x, (size, node.inputs[0].size))
    (made,) = _native.call_op(node.op, [flat], {**attrs, "axis": 1, "keepdims": False})
    if attrs["keepdims"]:
        made = ops.reshape(made, (size, *(1,) * node.inputs[0].ndim))
    return [made]


def merged(node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any) -> list[Tensor]:
    """Call an op whose first input has a batch axis of its own; the others are the same for all rows."""
    x, *others = inputs
    count = node.inputs[0].shape[0]
    made = _native.call_op(
        node.op, [ops.reshape(x, (size * count, *x.shape[2:])), *others], node.attrs
    )
    return [ops.reshape(t, (size, count, *t.shape[1:])) for t in made]


merged.only_first = True  # type: ignore[attr-defined]


def leading(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Call the op as it is: its first input may have any leading axes, the others are the same for all rows."""
    return _native.call_op(node.op, inputs, node.attrs)


leading.only_first = True  # type: ignore[attr-defined]


def _for_all(t: Tensor, batched: bool, size: Any) -> Tensor:
    return t if batched else ops.broadcast_to(t, (size, *t.shape))


def reshaped(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Reshape every row."""
    return [ops.reshape(inputs[0], (size, *node.attrs["shape"]))]


def broadcast(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Broadcast every row."""
    shape = node.attrs["shape"]
    rows = lift(inputs[0], node.inputs[0].ndim, len(shape), size)
    return [ops.broadcast_to(rows, (size, *shape))]


def transposed(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Transpose every row."""
    return [ops.transpose(inputs[0], (0, *(a + 1 for a in node.attrs["axes"])))]


def sliced(node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any) -> list[Tensor]:
    """Slice every row."""
    attrs = node.attrs
    return [
        ops.slice(inputs[0], (0, *attrs["starts"]), (size, *attrs["sizes"]), (1, *attrs["steps"]))
    ]


def padded(node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any) -> list[Tensor]:
    """Pad every row."""
    attrs = {**node.attrs, "pad_width": (0, 0, *node.attrs["pad_width"])}
    return _native.call_op(node.op, inputs, attrs)


def taken(node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any) -> list[Tensor]:
    """Take from every row, or every row's indices from one tensor."""
    axis = node.attrs["axis"]
    if not batched[1]:
        return [ops.take(inputs[0], inputs[1], axis=axis + 1)]
    made = ops.take(inputs[0], inputs[1], axis=axis)
    return [ops.moveaxis(made, axis, 0)]


taken.one_only = True  # type: ignore[attr-defined]
