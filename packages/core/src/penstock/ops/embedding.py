"""Rows of a table by number: what words, users and products are before a network sees them."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _tangents
from penstock.ops._batch_indexing import taken
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops.indexed_slices import IndexedSlices

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="embedding")
def embedding(table: TensorLike, ids: TensorLike) -> Tensor:
    """Look rows of a table up: y[i, ...] = table[ids[i], ...].

    Like `penstock.take` along the first axis, but for its gradient: where that flows straight to a source it is a
    `penstock.IndexedSlices`, only the rows that were read. `Variable.scatter_sub` and `adam_update_rows` take a
    step with it that touches no other row.

    Args:
        table: [rows, ...], a float or complex dtype; integers are taken as float32.
        ids: [...], any integer dtype; negative ones count from the end.

    Returns:
        The shape of `ids`, then that of a row; of the table's dtype.

    Raises:
        IndexError: An id is out of range.
        ValueError: The table has no axes.
        TypeError: The ids are not integers.

    Example:
        >>> table = penstock.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        >>> with penstock.GradientTape() as tape:
        ...     y = penstock.nn.embedding(table, [2, 0])
        >>> tape.gradient(y, table).indices
        Tensor([2, 0], shape=(2,), dtype=int64)
    """


embedding.jvp(_tangents.linear)


@embedding.reference
def _(table: Any, ids: Any) -> Any:
    return np.take(table, ids, 0)


@embedding.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    table, ids = node.inputs
    values = ops.reshape(dy, (-1, *table.shape[1:])) if ids.ndim != 1 else dy
    rows: Any = IndexedSlices(values, ops.reshape(ids, (-1,)), table.shape)
    return rows, None


embedding.batch(taken)


@embedding.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*FLOATS, "complex64"):
        yield Sample((array(rng, (4, 3), dtype), np.array([3, 0, 3])), label=dtype)
    for dtype in ("int32", "uint8"):
        yield Sample((array(rng, (4, 3)), np.array([[1, 0]], dtype)), label=f"ids {dtype}")
    yield Sample((array(rng, (4, 2, 3)), np.array([-1, -4])), label="negative")
    yield Sample((array(rng, (4,)), np.array([1, 1, 0])), label="rows of one number")
    yield Sample((array(rng, (4, 3)), np.array(2)), label="0-d id")
    yield Sample((array(rng, (4, 3)), np.zeros((0,), "int64")), label="empty")
    yield Sample((array(rng, (3, 4)).T, np.array([1, 1])), label="strided")
    large = rng.integers(0, 1000, (50, 20))
    yield Sample((array(rng, (1000, 33), "float32"), large), label="large")


@embedding.rejects
def _() -> Iterator[Reject]:
    table = np.ones((3, 2))
    yield Reject((table, np.array([0, 3])), error=IndexError, match=r"\b3\b")
    yield Reject((table, np.array([0.0])), error=TypeError, match="expected int32 or int64")
    yield Reject((np.array(1.0), np.array([0])), match="expected at least 1 axis")
