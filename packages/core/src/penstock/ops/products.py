"""Products of vectors and of matrices that are made of other ops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import DTypeError, ShapeError
from penstock.ops.conversion import asarray
from penstock.ops.shaping import normalise_axis

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def vecdot(x: TensorLike, y: TensorLike, /, *, axis: int = -1) -> Tensor:
    """Sum the products of vectors: Σᵢ conj(xᵢ) yᵢ.

    Args:
        x: [..., n], any numeric dtype.
        y: [..., n], any numeric dtype; the other axes must broadcast.
        axis: The axis of the vectors, counted from the end where the ranks differ.

    Returns:
        The broadcast shape without the axis, of the promoted dtype.

    Raises:
        ValueError: The vectors differ in length, or the shapes do not broadcast.
        IndexError: x or y has no such axis.
        TypeError: x or y is boolean or a string tensor.

    Example:
        >>> penstock.vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
        Tensor([21., 43.], shape=(2,), dtype=float32)
    """
    x, y = asarray(x), asarray(y)
    sizes = [t.shape[normalise_axis("vecdot", axis, t.ndim)] for t in (x, y)]
    if sizes[0] != sizes[1]:
        raise ShapeError(
            f"[vecdot] got vectors of {sizes[0]} and of {sizes[1]} elements; expected equal lengths; "
            "check axis, or slice one of them"
        )
    if x.ndim == y.ndim == 1 and {x.dtype.kind, y.dtype.kind} == {"float"}:
        return ops.matmul(x, y)
    products = ops.multiply(ops.conj(x) if x.dtype.kind == "complex" else x, y)
    return ops.sum(products, axis, dtype=products.dtype)


def outer(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Multiply each element of a vector with each of another: z[i, j] = x[i] y[j].

    Args:
        x: [m], any numeric dtype.
        y: [n], any numeric dtype.

    Returns:
        [m, n], of the promoted dtype.

    Raises:
        ValueError: x or y is not a vector.
        TypeError: x or y is boolean or a string tensor.

    Example:
        >>> penstock.linalg.outer([1.0, 2.0], [3.0, 4.0])
        Tensor([[3., 4.],
                [6., 8.]], shape=(2, 2), dtype=float32)
    """
    x, y = asarray(x), asarray(y)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(
            f"[outer] got shapes {x.shape} and {y.shape}; expected vectors; flatten them, or write "
            "x[..., None] * y[..., None, :]"
        )
    return ops.multiply(ops.expand_dims(x, 1), y)


def cross(x: TensorLike, y: TensorLike, /, *, axis: int = -1) -> Tensor:
    """Take the cross product of vectors in three dimensions.

    Args:
        x: [..., 3], any numeric dtype.
        y: [..., 3], any numeric dtype; the shapes must broadcast.
        axis: The axis of the vectors.

    Returns:
        The broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The axis does not have 3 elements, or the shapes do not broadcast.
        IndexError: x or y has no such axis.
        TypeError: x or y is boolean or a string tensor.

    Example:
        >>> penstock.linalg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
        Tensor([0., 0., 1.], shape=(3,), dtype=float32)
    """
    x, y = ops.broadcast_arrays(*_three("cross", asarray(x), asarray(y), axis))
    (x0, x1, x2), (y0, y1, y2) = (ops.unstack(t, axis=axis) for t in (x, y))
    parts = [x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0]
    return ops.stack(parts, axis)


def _three(name: str, x: Tensor, y: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    for t in (x, y):
        if t.shape[normalise_axis(name, axis, t.ndim)] != 3:
            raise ShapeError(
                f"[{name}] got shapes {x.shape} and {y.shape}; expected 3 elements along axis {axis}; "
                "pad vectors of two with a 0"
            )
        if t.dtype.kind in ("bool", "string"):
            raise DTypeError(
                f"[{name}] got {t.dtype.name}; expected a numeric dtype; convert it: x.astype(penstock.int32)"
            )
    return x, y


def matrix_power(x: TensorLike, n: int, /) -> Tensor:
    """Multiply square matrices with themselves, n times; with negative n their inverses.

    Args:
        x: [..., m, m], any numeric dtype; a float or complex one for negative n.
        n: The exponent.

    Returns:
        [..., m, m], of x's dtype; the identity for n = 0.

    Raises:
        ValueError: x is not square, or n is negative and x singular.
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.linalg.matrix_power([[1, 1], [0, 1]], 5)
        Tensor([[1, 5],
                [0, 1]], shape=(2, 2), dtype=int64)
    """
    x = asarray(x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"[matrix_power] got shape {x.shape}; expected square matrices, [..., n, n]"
        )
    if n < 0:
        x, n = ops.inv(x), -n
    result = None
    while n:
        if n & 1:
            result = x if result is None else ops.matmul(result, x)
        n >>= 1
        x = ops.matmul(x, x) if n else x
    if result is None:
        return ops.broadcast_to(ops.eye(int(x.shape[-1]), dtype=x.dtype), x.shape)
    return result
