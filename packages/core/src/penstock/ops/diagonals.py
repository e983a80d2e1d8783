"""Diagonals: read, written, summed, and made into matrices."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import ShapeError
from penstock.ops import _batch_indexing, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import NUMERIC, array
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="diagonal")
def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Read a diagonal of matrices: y[..., i] = x[i, i + offset, ...].

    Args:
        x: At least two axes, any dtype.
        offset: Which diagonal: 0 the main one, above it the positive numbers, below it the negative ones.
        axis1: The rows of the matrices.
        axis2: Their columns.

    Returns:
        The other axes, then the diagonal, of x's dtype.

    Raises:
        IndexError: x has no such axis.
        ValueError: x has fewer than two axes, or both axes are the same.

    Example:
        >>> penstock.diagonal([[1, 2], [3, 4]])
        Tensor([1, 4], shape=(2,), dtype=int64)
    """


diagonal.jvp(_tangents.linear)


diagonal.batch(_batch_indexing.on_diagonal)


@op(infer="diagonal_scatter")
def diagonal_scatter(
    x: TensorLike, values: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1
) -> Tensor:
    """Replace a diagonal of matrices: a copy of x with y[i, i + offset, ...] = values[..., i].

    Args:
        x: At least two axes, any dtype.
        values: The shape that `diagonal` would have, of x's dtype or a smaller kind.
        offset: Which diagonal: 0 the main one, above it the positive numbers, below it the negative ones.
        axis1: The rows of the matrices.
        axis2: Their columns.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis.
        ValueError: x has fewer than two axes, both axes are the same, or `values` has another shape.
        TypeError: The values do not fit into x's dtype.

    Example:
        >>> penstock.diagonal_scatter([[1, 2], [3, 4]], [0, 9])
        Tensor([[0, 2],
                [3, 9]], shape=(2, 2), dtype=int64)
    """


diagonal_scatter.jvp(_tangents.linear)


diagonal_scatter.batch(_batch_indexing.on_diagonal)


@diagonal.reference
def _(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    return np.diagonal(x, offset, axis1, axis2)


@diagonal_scatter.reference
def _(x: Any, values: Any, offset: int, axis1: int, axis2: int) -> Any:
    y = x.copy()
    y.flat[np.diagonal(np.arange(x.size).reshape(x.shape), offset, axis1, axis2)] = values
    return y


def _where(node: Node) -> tuple[int, int, int]:
    return node.attrs["offset"], node.attrs["axis1"], node.attrs["axis2"]


@diagonal.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    zeros = ops.full(node.inputs[0].shape, 0, dy.dtype)
    return (diagonal_scatter(zeros, dy, *_where(node)),)


@diagonal_scatter.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    zeros = ops.full(node.inputs[1].shape, 0, dy.dtype)
    return diagonal_scatter(dy, zeros, *_where(node)), diagonal(dy, *_where(node))


_PLACES = (((3, 4), 0, 0, 1), ((4, 3), 1, 0, 1), ((4, 3), -2, 1, 0), ((2, 4, 3), 1, -1, 0))


@diagonal.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (3, 4), dtype),), label=dtype)
    for shape, *place in _PLACES:
        yield Sample((array(rng, shape), *place), label=f"{shape} {place}")
    yield Sample((array(rng, (3, 4)), 7), label="outside")
    yield Sample((array(rng, (0, 4)),), label="empty")
    yield Sample((array(rng, (4, 3)).T, 1), label="strided")
    yield Sample((array(rng, (3, 401, 403), "float32"), 1, 1, 2), label="large")


@diagonal_scatter.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*NUMERIC, "bool"):
        yield Sample((array(rng, (3, 4), dtype), array(rng, (3,), dtype)), label=dtype)
    for shape, *place in _PLACES:
        x = array(rng, shape)
        values = array(rng, np.diagonal(x, *place).shape)
        yield Sample((x, values, *place), label=f"{shape} {place}")
    yield Sample((array(rng, (3, 4)), array(rng, (0,)), 7), label="outside")
    yield Sample((array(rng, (0, 4)), array(rng, (0,))), label="empty")
    yield Sample((array(rng, (4, 3)).T, array(rng, (3,)), 1), label="strided")


@diagonal.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3),), match="at least 2 axes; reshape it")
    yield Reject((np.ones((2, 2)), 0, 1, -1), match="both 1; name two different axes")
    yield Reject((np.ones((2, 2)), 0, 0, 2), error=IndexError, match="use -2 to 1")


@diagonal_scatter.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), np.ones(3)), match=r"expected \(2,\), the shape of the diagonal")
    yield Reject((np.ones((2, 2)), np.ones(2), 0, 1, -1), match="name two different axes")
    wide = np.ones((2, 2), "int32"), np.ones(2)
    yield Reject(wide, error=TypeError, match="does not fit into int32.*astype")


def diag(x: TensorLike, /, k: int = 0) -> Tensor:
    """Make a matrix with a vector on its diagonal, or read the diagonal of a matrix.

    Args:
        x: [n] or [m, n], any dtype but string.
        k: Which diagonal: 0 the main one, above it the positive numbers, below it the negative ones.

    Returns:
        [n + |k|, n + |k|] for a vector, else the diagonal; of x's dtype.

    Raises:
        ValueError: x has neither one axis nor two.

    Example:
        >>> penstock.diag([1, 2])
        Tensor([[1, 0],
                [0, 2]], shape=(2, 2), dtype=int64)
    """
    x = asarray(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(
            f"[diag] got shape {x.shape}; expected a vector or a matrix; use penstock.diagonal for more axes"
        )
    size = x.shape[0] + builtins.abs(k)
    return diagonal_scatter(ops.full((size, size), 0, x.dtype), x, k)


def trace(x: TensorLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Add up a diagonal of matrices.

    Args:
        x: At least two axes, any dtype but string.
        offset: Which diagonal: 0 the main one, above it the positive numbers, below it the negative ones.
        axis1: The rows of the matrices.
        axis2: Their columns.

    Returns:
        The other axes, of the dtype that `sum` would have.

    Raises:
        IndexError: x has no such axis.
        ValueError: x has fewer than two axes, or both axes are the same.

    Example:
        >>> penstock.trace([[1, 2], [3, 4]])
        Tensor(5, shape=(), dtype=int64)
    """
    return ops.sum(diagonal(x, offset, axis1, axis2), -1)
