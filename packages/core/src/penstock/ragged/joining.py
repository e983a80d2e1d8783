"""Functions of ragged tensors: of their values, of some rows, of several tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError
from penstock.ragged.making import from_row_lengths
from penstock.ragged.tensor import RaggedTensor, need_same_rows

if TYPE_CHECKING:
    from penstock.annotations import TensorLike


def map_values(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> RaggedTensor:
    """Apply a function to the innermost values of ragged tensors with the same rows.

    Args:
        fn: From tensors to a tensor, with as many rows.
        args: Its arguments; ragged ones are given as their values.
        kwargs: Arguments by name, likewise.

    Returns:
        A ragged tensor with these rows.

    Raises:
        InvalidTypeError: No argument is ragged.
        ShapeError: The rows are not the same.

    >>> import penstock as ps
    >>> x = ps.ragged.constant([[1.0, 4.0], [9.0]])
    >>> ps.ragged.map_values(ps.sqrt, x).tolist()
    [[1.0, 2.0], [3.0]]
    """
    found = [a for a in (*args, *kwargs.values()) if isinstance(a, RaggedTensor)]
    if not found:
        raise InvalidTypeError(
            "[ragged.map_values] got no ragged tensor; call the function itself: fn(x)"
        )
    for other in found[1:]:
        need_same_rows(found[0], other)

    def flat(x: Any) -> Any:
        return x.flat_values if isinstance(x, RaggedTensor) else x

    values = fn(*map(flat, args), **{name: flat(x) for name, x in kwargs.items()})
    return found[0].with_flat_values(values)


def softmax(x: Any) -> RaggedTensor:
    """Take the softmax of each row.

    Args:
        x: [rows, None], of a float dtype, with one ragged axis.

    Returns:
        A ragged tensor with the same rows.

    Raises:
        InvalidTypeError: x is not ragged.

    >>> import penstock as ps
    >>> ps.ragged.softmax(ps.ragged.constant([[0.0, 0.0], [5.0]])).tolist()
    [[0.5, 0.5], [1.0]]
    """
    if not isinstance(x, RaggedTensor) or x.ragged_rank != 1:
        raise InvalidTypeError(
            f"[ragged.softmax] got {type(x).__name__}; expected a ragged tensor with one ragged axis; for rows of "
            "rows take x.values"
        )
    ids = x.row_ids()
    largest = ops.stop_gradient(ops.segment_max(x.values, ids, x.nrows))
    shifted = ops.exp(x.values - ops.take(largest, ids, 0))
    total = ops.segment_sum(shifted, ids, x.nrows)
    return x.with_values(shifted / ops.take(total, ids, 0))


def gather(x: RaggedTensor, indices: TensorLike) -> RaggedTensor:
    """Take some rows, in any order.

    Args:
        x: A ragged tensor.
        indices: [n], the rows to take; negative ones count from the end.

    Returns:
        A ragged tensor of n rows.

    Raises:
        AxisError: There is no such row.
        GraphError: Rows or indices are computed in a graph, where the number of values cannot depend on data.

    >>> import penstock as ps
    >>> ps.ragged.gather(ps.ragged.constant([[1], [2, 3]]), [1, 0, 1]).tolist()
    [[2, 3], [1], [2, 3]]
    """
    return x.gather(indices)


def concat(parts: Sequence[RaggedTensor], axis: int = 0) -> RaggedTensor:
    """Join ragged tensors: below each other, or row by row.

    Args:
        parts: Ragged tensors with as many ragged axes; with axis=1 also as many rows.
        axis: 0 appends rows, 1 makes each row longer.

    Returns:
        A ragged tensor.

    Raises:
        ShapeError: There are none, or they do not fit.
        InvalidValueError: The axis is neither 0 nor 1.

    >>> import penstock as ps
    >>> a, b = ps.ragged.constant([[1], [2]]), ps.ragged.constant([[3, 4], []])
    >>> ps.ragged.concat([a, b]).tolist(), ps.ragged.concat([a, b], axis=1).tolist()
    ([[1], [2], [3, 4], []], [[1, 3, 4], [2]])
    """
    if not parts or len({part.ragged_rank for part in parts}) > 1:
        raise ShapeError(
            "[ragged.concat] expected at least one ragged tensor, all with as many ragged axes"
        )
    if axis == 0:
        return _below(parts)
    if axis != 1:
        raise InvalidValueError(
            f"[ragged.concat] got axis={axis}; use 0, to append rows, or 1, to make rows longer"
        )
    if len({str(part.nrows) for part in parts}) > 1:
        raise ShapeError(
            f"[ragged.concat] got {[part.nrows for part in parts]} rows; with axis=1 all need as many"
        )
    rows = parts[0].nrows
    joined = _below(parts)
    # Row i of every part comes before row i + 1 of the first.
    order = [i + k * rows for i in range(rows) for k in range(len(parts))]
    mixed = joined.gather(np.array(order, np.int64))
    return RaggedTensor(mixed.values, mixed.row_splits[:: len(parts)])


def _below(parts: Sequence[RaggedTensor]) -> RaggedTensor:
    inner = [part.values for part in parts]
    ragged = isinstance(inner[0], RaggedTensor)
    splits, start = (
        [ops.cast(parts[0].row_splits, "int64")],
        ops.cast(parts[0].row_splits[-1], "int64"),
    )
    for part in parts[1:]:
        more = ops.cast(part.row_splits, "int64")
        splits.append(more[1:] + start)
        start = start + more[-1]
    values = _below(inner) if ragged else ops.concat(inner)
    return RaggedTensor.__penstock_whole__(values, ops.concat(splits))


def stack(rows: Sequence[TensorLike]) -> RaggedTensor:
    """Make a ragged tensor of tensors that become its rows.

    Args:
        rows: [length, ...] each, alike but for the length.

    Returns:
        A ragged tensor.

    Raises:
        ShapeError: There are no rows.

    >>> import penstock as ps
    >>> ps.ragged.stack([ps.ones(2), ps.zeros(1)]).tolist()
    [[1.0, 1.0], [0.0]]
    """
    tensors = [ops.asarray(row) for row in rows]
    if not tensors:
        raise ShapeError("[ragged.stack] got no rows; give at least one")
    lengths = ops.stack([ops.size_of((t.shape[0],), "int64") for t in tensors])
    return from_row_lengths(ops.concat(tensors), lengths)
