"""Ragged tensors made of values and lengths, of lists, of padded tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import GraphError, InvalidValueError
from penstock.ragged.tensor import RaggedTensor, integers, splits_of

if TYPE_CHECKING:
    from penstock.annotations import TensorLike


def from_row_splits(values: Any, row_splits: TensorLike) -> RaggedTensor:
    """Cut values into rows where they begin; see `RaggedTensor`.

    >>> import penstock as ps
    >>> ps.ragged.from_row_splits([1, 2, 3], [0, 1, 3]).tolist()
    [[1], [2, 3]]
    """
    return RaggedTensor(values, row_splits)


def from_row_lengths(values: Any, row_lengths: TensorLike) -> RaggedTensor:
    """Cut values into rows of these lengths.

    Args:
        values: [total, ...].
        row_lengths: [rows], integers that add up to `total`.

    Returns:
        A ragged tensor.

    Raises:
        InvalidValueError: The lengths do not add up, or one is negative.

    >>> import penstock as ps
    >>> ps.ragged.from_row_lengths([1, 2, 3], [2, 0, 1]).tolist()
    [[1, 2], [], [3]]
    """
    return RaggedTensor(values, splits_of(row_lengths))


def from_row_ids(values: Any, row_ids: TensorLike, nrows: int) -> RaggedTensor:
    """Cut values into rows by the number of the row to which each belongs.

    Args:
        values: [total, ...].
        row_ids: [total], integers that do not fall.
        nrows: How many rows there are.

    Returns:
        A ragged tensor.

    Raises:
        InvalidValueError: The numbers fall somewhere, or one is outside 0 to nrows - 1.

    >>> import penstock as ps
    >>> ps.ragged.from_row_ids([1, 2, 3], [0, 0, 2], 3).tolist()
    [[1, 2], [], [3]]
    """
    ids = integers(row_ids, "row_ids")
    if not ids.is_symbolic and ids.size:
        found = ids.numpy()
        if (np.diff(found) < 0).any() or found[0] < 0 or found[-1] >= nrows:
            raise InvalidValueError(
                f"[ragged.from_row_ids] got row_ids {found.tolist()[:8]} for {nrows} rows; they must not fall, and "
                f"lie in 0 to {nrows - 1}; sort values and row_ids first"
            )
    splits = ops.searchsorted(ids, ops.arange(nrows + 1, dtype=ids.dtype))
    return RaggedTensor(values, splits)


def constant(rows: Sequence[Any], dtype: Any = None) -> RaggedTensor:
    """Make a ragged tensor of nested lists.

    Args:
        rows: A list of rows, each a list of numbers, or of lists again.
        dtype: The dtype of the values; None takes that of the numbers.

    Returns:
        A ragged tensor with one ragged axis for each level of lists but the first.

    Raises:
        InvalidValueError: The nesting is not the same everywhere.

    >>> import penstock as ps
    >>> ps.ragged.constant([[[1], [2, 3]], []]).ragged_rank
    2
    """
    depth = max((_depth(row) for row in rows), default=1)
    return _nested(list(rows), depth, dtype)


def _depth(x: Any) -> int:
    if not isinstance(x, (list, tuple)):
        return 0
    return 1 + max((_depth(item) for item in x), default=0)


def _nested(rows: list[Any], depth: int, dtype: Any) -> RaggedTensor:
    if not all(isinstance(row, (list, tuple)) for row in rows) or depth == 0:
        raise InvalidValueError(
            "[ragged.constant] got numbers and lists side by side; expected a list of lists, nested equally deep"
        )
    items = [item for row in rows for item in row]
    lengths = np.array([len(row) for row in rows], np.int64)
    values: Any
    if depth > 1:
        values = _nested(items, depth - 1, dtype)
    elif any(isinstance(item, (list, tuple)) for item in items):
        raise InvalidValueError(
            "[ragged.constant] got numbers and lists side by side; expected a list of lists, nested equally deep"
        )
    else:
        values = ops.asarray(items) if dtype is None else ops.asarray(items, dtype)
    return from_row_lengths(values, lengths)


def from_dense(
    x: TensorLike, lengths: TensorLike | None = None, padding: Any = None
) -> RaggedTensor:
    """Cut the ends of a tensor's rows off.

    Args:
        x: [rows, width, ...].
        lengths: [rows], how much of each row stays.
        padding: Or: what the ends to be cut off consist of.

    Returns:
        A ragged tensor.

    Raises:
        InvalidValueError: Not one of `lengths` and `padding` is given.
        GraphError: x is computed in a graph.

    >>> import penstock as ps
    >>> ps.ragged.from_dense([[1, 0], [2, 3]], padding=0).tolist()
    [[1], [2, 3]]
    """
    x = ops.asarray(x)
    if (lengths is None) == (padding is None):
        raise InvalidValueError("[ragged.from_dense] give one of lengths=... and padding=...")
    if x.is_symbolic:
        raise GraphError(
            "[ragged.from_dense] the number of values is not known while a graph is built; call it outside"
        )
    if lengths is None:
        other = (x.numpy() != padding).reshape(x.shape[0], x.shape[1], -1).any(2)
        lengths = np.where(other.any(1), x.shape[1] - np.argmax(other[:, ::-1], 1), 0)
    lengths = integers(lengths, "lengths")
    kept = np.arange(int(x.shape[1])) < lengths.numpy()[:, None]
    return from_row_lengths(ops.boolean_mask(x, kept), lengths)
