"""Norms of vectors and matrices, and the rank."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.dtype_facts import finfo
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops.conversion import asarray
from penstock.ops.shaping import normalise_axes

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Axis, TensorLike


def vector_norm(
    x: TensorLike, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """Take the length of vectors: (Σ |x|^p)^(1/p). The gradient at a vector of zeros is 0.

    Args:
        x: [...], any numeric dtype; integers are taken as float32.
        axis: The axes whose elements are a vector; None for all.
        keepdims: Keep these axes, with size 1.
        ord: p. Infinity takes the largest |x|, minus infinity the smallest, and 0 counts those that are not 0.

    Returns:
        x's shape without the axes, of its real dtype.

    Raises:
        IndexError: x has no such axis.
        ValueError: An axis is given twice, or the extreme of no elements is asked for.
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.linalg.vector_norm([3.0, 4.0])
        Tensor(5., shape=(), dtype=float32)
    """
    x = _float(x)
    if ord == 0:
        return ops.sum(ops.astype(x != 0, ops.real(x).dtype), axis, keepdims=keepdims)
    if ord == math.inf:
        if not _elements(x, axis):
            return ops.sum(ops.abs(x), axis, keepdims=keepdims)
        return ops.max(ops.abs(x), axis, keepdims=keepdims)
    if ord == -math.inf:
        return ops.min(ops.abs(x), axis, keepdims=keepdims)
    if ord == 1:
        return ops.sum(ops.abs(x), axis, keepdims=keepdims)
    if ord == 2:
        squares = ops.real(x * ops.conj(x)) if x.dtype.kind == "complex" else ops.square(x)
        return _root(ops.sum(squares, axis, keepdims=keepdims), 0.5)
    return _root(ops.sum(_safe_power(ops.abs(x), ord), axis, keepdims=keepdims), 1.0 / ord)


def _float(x: TensorLike) -> Tensor:
    tensor = asarray(x)
    return tensor if tensor.dtype.kind in ("float", "complex") else ops.astype(tensor, "float32")


def _elements(x: Tensor, axis: Axis) -> bool:
    """Whether there is at least one element along axes; that is known also of symbolic sizes."""
    axes = range(x.ndim) if axis is None else normalise_axes("vector_norm", axis, x.ndim)
    return all(x.shape[a] != 0 for a in axes)


def _root(total: Tensor, power: float) -> Tensor:
    zero = total == 0
    filled = ops.where(zero, 1.0, total)  # the slope at 0 is infinite
    rooted = ops.sqrt(filled) if power == 0.5 else ops.power(filled, power)
    return ops.where(zero, 0.0 if power > 0 else math.inf, rooted)


def _safe_power(size: Tensor, power: float) -> Tensor:
    zero = size == 0
    at_zero = 0.0 if power > 0 else math.inf
    return ops.where(zero, at_zero, ops.power(ops.where(zero, 1.0, size), power))


def matrix_norm(x: TensorLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Take the norm of matrices.

    Args:
        x: [..., m, n], any numeric dtype; integers are taken as float32.
        keepdims: Keep the two axes, with size 1.
        ord: "fro" takes the root of the sum of squares and "nuc" the sum of the singular values; 2 the largest of them
            and -2 the smallest; 1 the largest sum of a column and infinity that of a row, -1 and minus infinity the
            smallest.

    Returns:
        [...], of x's real dtype.

    Raises:
        ValueError: x has fewer than two axes, or `ord` is none of these.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.matrix_norm([[3.0, 0.0], [0.0, 4.0]])
        Tensor(5., shape=(), dtype=float32)
    """
    x = _float(x)
    if x.ndim < 2:
        raise ShapeError(
            f"[matrix_norm] got shape {x.shape}; expected at least 2 axes; use vector_norm"
        )
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in (1, -1, math.inf, -math.inf):
        sums = ops.sum(ops.abs(x), -2 if abs(ord) == 1 else -1, keepdims=True)
        made = _extreme(sums, (-2, -1), largest=ord > 0)
    elif ord in ("nuc", 2, -2):
        values = ops.expand_dims(ops.svdvals(x), -1)
        if ord == "nuc":
            made = ops.sum(values, -2, keepdims=True)
        else:
            made = _extreme(values, (-2, -1), largest=ord > 0)
    else:
        raise InvalidValueError(
            f'[matrix_norm] got ord={ord!r}; use "fro", "nuc", 1, -1, 2, -2, math.inf or -math.inf'
        )
    return made if keepdims else ops.squeeze(made, (-2, -1))


def _extreme(x: Tensor, axes: tuple[int, int], largest: bool) -> Tensor:
    if not _elements(x, axes):  # of no elements the norm is 0
        return ops.sum(x, axes, keepdims=True)
    return (ops.max if largest else ops.min)(x, axes, keepdims=True)


def matrix_rank(x: TensorLike, /, *, rtol: Any = None) -> Tensor:
    """Count the singular values of matrices that are not 0, up to rounding.

    Args:
        x: [..., m, n], any numeric dtype; integers are taken as float32.
        rtol: [...] or a number: what part of the largest one still counts as 0; by default max(m, n) times the dtype's
            eps.

    Returns:
        [...], int64.

    Raises:
        ValueError: x has fewer than two axes.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]])
        Tensor(1, shape=(), dtype=int64)
    """
    x = _float(x)
    values = ops.svdvals(x)
    if values.shape[-1] == 0:
        return ops.zeros(values.shape[:-1], "int64")
    if rtol is None:
        rtol = max(int(size) for size in x.shape[-2:]) * finfo(x).eps
    limit = asarray(rtol, values.dtype)
    limit = ops.expand_dims(limit, -1) if limit.ndim else limit
    return ops.count_nonzero(values > limit * values[..., :1], axis=-1)
