"""How families of ops compute many rows in one call: the rules that `.batch` attaches.

A rule is `fn(node, inputs, batched, size)`: the call for one row, the tensors for all rows, which of them have a
leading axis of `size` rows, and that size. It returns the outputs, all with that leading axis; or None, when this case
has no single call, and the op is called row by row. Index ops have theirs in `_batch_indexing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock import _native, ops
from penstock._native import Tensor


def same(node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any) -> list[Tensor]:
    """Call the op as it is: more leading axes mean more rows, and all inputs have them."""
    rows = [for_all(t, b, size) for t, b in zip(inputs, batched, strict=True)]
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
    rows = [for_all(t, b, size) for t, b in zip(inputs, batched, strict=True)]
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


def for_all(t: Tensor, batched: bool, size: Any) -> Tensor:
    """Repeat a tensor for all rows unless it has rows."""
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


def all_merged(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Call an op all of whose inputs have the same batch axis of their own."""
    rows = [for_all(t, b, size) for t, b in zip(inputs, batched, strict=True)]
    merged = [ops.reshape(t, (size * t.shape[1], *t.shape[2:])) for t in rows]
    attrs = dict(node.attrs)
    if "input_shape" in attrs:
        attrs["input_shape"] = (size * attrs["input_shape"][0], *attrs["input_shape"][1:])
    made = _native.call_op(node.op, merged, attrs)
    count = node.inputs[0].shape[0]
    return [ops.reshape(t, (size, count, *t.shape[1:])) for t in made]


def input_gradient(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Call the gradient of a convolution's input, whose filter is the same for all rows."""
    dy, filter = inputs
    shape, attrs = node.attrs["input_shape"], dict(node.attrs)
    attrs["input_shape"] = (size * shape[0], *shape[1:])
    merged = ops.reshape(dy, (size * dy.shape[1], *dy.shape[2:]))
    (made,) = _native.call_op(node.op, [merged, filter], attrs)
    return [ops.reshape(made, (size, *shape))]


input_gradient.only_first = True  # type: ignore[attr-defined]


def norm_gradient(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor] | None:
    """Call the gradient of a normalisation of rows; those of its parameters are summed for each row by itself."""
    x, scale, *statistics, dy = inputs
    flags = [batched[0], *batched[2:]]
    if batched[1]:
        return None
    x, *statistics, dy = (
        for_all(t, b, size) for t, b in zip([x, *statistics, dy], flags, strict=True)
    )
    dx, *_ = _native.call_op(node.op, [x, scale, *statistics, dy], node.attrs)
    centred = x - statistics[0] if len(statistics) == 2 else x
    axes = tuple(range(1, x.ndim - scale.ndim))
    sums = [ops.sum(dy * centred * statistics[-1], axes), ops.sum(dy, axes)]
    return [dx, *sums[: len(node.outputs) - 1]]


def drawn(node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any) -> list[Tensor]:
    """Draw for all rows: each has a stretch of the counter of its own, so rows differ."""
    attrs = {**node.attrs, "shape": (size, *node.attrs["shape"])}
    return _native.call_op(node.op, inputs, attrs)


def drawn_like(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Draw for all rows from parameters that broadcast; also where all rows have the same ones."""
    shape = (size, *node.outputs[0].shape)
    rows = [ops.broadcast_to(t, shape) for t in align(node, inputs, batched, size)]
    return _native.call_op(node.op, rows, node.attrs)


_WEIGHTS = ("recurrent_kernel", "recurrent_bias")


def sequences(
    node: Any, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor] | None:
    """Call an op on a batch of sequences: rows of batches are one batch, weights are the same for all rows."""
    names = [spec.name for spec in node.op_function.schema.inputs]
    if any(b and name in _WEIGHTS for name, b in zip(names, batched, strict=True)):
        return None
    count = node.inputs[0].shape[0]
    merged = []
    for name, t, b in zip(names, inputs, batched, strict=True):
        if name not in _WEIGHTS:
            rest = t.shape[2:] if b else t.shape[1:]
            t = ops.broadcast_to(t, (size, count, *rest))  # a mask may be one for all
            t = ops.reshape(t, (size * count, *rest))
        merged.append(t)
    made = _native.call_op(node.op, merged, node.attrs)
    return [ops.reshape(t, (size, count, *t.shape[1:])) for t in made]
