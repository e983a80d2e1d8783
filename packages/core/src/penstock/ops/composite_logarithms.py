"""Products and quotients that are zero where their first factor is, whatever the other one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import ops
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def xlogy(x: TensorLike, y: TensorLike) -> Tensor:
    """Take x · log(y), and 0 where x is 0, also for y = 0.

    Args:
        x: [...], any float dtype.
        y: [...], any float dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> penstock.xlogy([0.0, 2.0], [0.0, 1.0])
        Tensor([0., 0.], shape=(2,), dtype=float32)
    """
    x, y = asarray(x), asarray(y)
    zero = x == 0
    return ops.where(zero, 0.0, x * ops.log(ops.where(zero, 1.0, y)))


def xlog1py(x: TensorLike, y: TensorLike) -> Tensor:
    """Take x · log(1 + y), and 0 where x is 0, also for y = -1.

    Args:
        x: [...], any float dtype.
        y: [...], any float dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> penstock.xlog1py([0.0, 2.0], [-1.0, 0.0])
        Tensor([0., 0.], shape=(2,), dtype=float32)
    """
    x, y = asarray(x), asarray(y)
    zero = x == 0
    return ops.where(zero, 0.0, x * ops.log1p(ops.where(zero, 0.0, y)))


def divide_no_nan(x: TensorLike, y: TensorLike) -> Tensor:
    """Divide, and give 0 where y is 0.

    Args:
        x: [...], any float dtype.
        y: [...], any float dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> penstock.divide_no_nan([1.0, 1.0], [0.0, 2.0])
        Tensor([0. , 0.5], shape=(2,), dtype=float32)
    """
    x, y = asarray(x), asarray(y)
    zero = y == 0
    return ops.where(zero, 0.0, x / ops.where(zero, 1.0, y))
