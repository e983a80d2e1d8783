"""A sparse matrix, given as places and values, times a dense one; `penstock.sparse` has the tensors."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import ShapeLike, TensorLike


@op(infer="sparse_matmul")
def sparse_matmul(
    values: TensorLike,
    rows: TensorLike,
    columns: TensorLike,
    x: TensorLike,
    num_rows: ShapeLike,
) -> Tensor:
    """Multiply a sparse matrix with a dense one: y[i] = Σ values[k]·x[columns[k]], over all k with rows[k] = i.

    Sums go in the order in which the values are stored.

    Args:
        values: [nnz], the elements of the sparse matrix, any numeric dtype.
        rows: [nnz], any integer dtype: the row of each.
        columns: [nnz], any integer dtype: the column of each.
        x: [k, n], of a dtype that promotes with that of the values.
        num_rows: How many rows the sparse matrix has.

    Returns:
        [num_rows, n], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit, or num_rows is negative.
        IndexError: A row or a column is out of range.
        TypeError: Rows or columns are not integers.

    Example:
        >>> penstock.ops.sparse_matmul([2.0, 3.0], [0, 1], [1, 1], [[1.0], [10.0]], 2)
        Tensor([[20.],
                [30.]], shape=(2, 1), dtype=float32)
    """


def _need_places(name: str, places: Any, size: int) -> None:
    wrong = (places < 0) | (places >= size)
    if wrong.any():
        raise IndexError(
            f"[sparse_matmul] {name} {places[wrong][0]} at position {int(np.argmax(wrong))} is out of range for "
            f"{size} {name}s; use 0 to {size - 1}"
        )


@sparse_matmul.reference
def _(values: Any, rows: Any, columns: Any, x: Any, num_rows: Any) -> Any:
    _need_places("row", rows, num_rows[0])
    _need_places("column", columns, x.shape[0])
    values, x = wider(values), wider(x)
    y = np.zeros((num_rows[0], x.shape[1]), np.result_type(values, x))
    np.add.at(y, rows, values[:, None] * x[columns])
    return y


@sparse_matmul.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    values, rows, columns, x = node.inputs
    met = ops.take(dy, rows, 0) * ops.take(x, columns, 0) if node.needs(0) else None
    dvalues = ops.sum(met, 1) if met is not None else None
    dx = sparse_matmul(values, columns, rows, dy, [x.shape[0]]) if node.needs(3) else None
    return dvalues, None, None, dx


@sparse_matmul.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def one(nnz: int, m: int, k: int, n: int, dtype: str, label: str) -> Sample:
        places = rng.integers(0, m, nnz), rng.integers(0, k, nnz)
        return Sample(
            (array(rng, (nnz,), dtype), *places, array(rng, (k, n), dtype), m), label=label
        )

    for dtype in (*FLOATS, "int32", "int64"):
        yield one(7, 3, 4, 5, dtype, dtype)
    yield one(0, 3, 4, 5, "float64", "nothing stored")
    yield one(5, 3, 4, 0, "float64", "no columns")
    yield one(0, 0, 0, 2, "float64", "empty")
    yield one(4, 1, 1, 3, "float64", "one place")
    yield one(3000, 200, 150, 70, "float32", "large")
    narrow = one(6, 3, 4, 2, "float64", "").args
    yield Sample(
        (narrow[0], *(p.astype("int32") for p in narrow[1:3]), *narrow[3:]), label="int32 places"
    )
    yield Sample((*narrow[:3], array(rng, (2, 4)).T, 3), label="strided")


@sparse_matmul.rejects
def _() -> Iterator[Reject]:
    values, places, x = np.ones(2), np.array([0, 1]), np.ones((2, 3))
    yield Reject((values, places, places, x, 1), error=IndexError, match=r"\b1\b")
    yield Reject((values, places, places + 1, x, 2), error=IndexError, match=r"\b2\b")
    yield Reject((values, places[:1], places, x, 2), match="one for each value")
    yield Reject((values, places, places, x[0], 2), match="expected 2 axes")
    yield Reject((values, values, places, x, 2), error=TypeError, match="int32 or int64.*astype")
    yield Reject((values, places, places, x, -1), match="must not be negative")
