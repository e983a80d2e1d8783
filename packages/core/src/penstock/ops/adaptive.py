"""Pooling to a given size: the windows follow from it, as in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, TensorLike


def adaptive_avg_pool(x: TensorLike, output_size: Ints) -> Tensor:
    """Average windows so that each side gets a given size; output i sees ⌊i·n/m⌋, ..., ⌈(i+1)·n/m⌉ - 1 of n.

    Args:
        x: [batch, *sides, channels] with one, two or three sides, which are known; any real dtype.
        output_size: The sizes m of the sides: one number, or one for each side.

    Returns:
        [batch, *output_size, channels], of x's dtype or float32.

    Raises:
        ValueError: x has not 3 to 5 axes, a side is empty, or `output_size` does not fit.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.adaptive_avg_pool([[[1.0], [2.0], [6.0]]], 2)[0, :, 0]
        Tensor([1.5, 4. ], shape=(2,), dtype=float32)
    """
    x = asarray(x)
    x = x if x.dtype.kind == "float" else ops.cast(x, "float32")
    for axis, n, m in _sides("adaptive_avg_pool", x, output_size):
        shares = np.zeros((m, n))
        for i, (begin, end) in enumerate(_windows(n, m)):
            shares[i, begin:end] = 1.0 / (end - begin)
        weights = ops.cast(asarray(shares), x.dtype)
        x = ops.moveaxis(ops.matmul(ops.moveaxis(x, axis, -1), weights, transpose_y=True), -1, axis)
    return x


def adaptive_max_pool(x: TensorLike, output_size: Ints) -> Tensor:
    """Take the largest element of windows, so that each side gets a given size; see `adaptive_avg_pool`.

    Args:
        x: [batch, *sides, channels] with one, two or three sides, which are known; any real dtype.
        output_size: The sizes of the sides: one number, or one for each side.

    Returns:
        [batch, *output_size, channels], of x's dtype.

    Raises:
        ValueError: x has not 3 to 5 axes, a side is empty, or `output_size` does not fit.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.adaptive_max_pool([[[1.0], [2.0], [6.0]]], 2)[0, :, 0]
        Tensor([2., 6.], shape=(2,), dtype=float32)
    """
    x = asarray(x)
    for axis, n, m in _sides("adaptive_max_pool", x, output_size):
        windows = _windows(n, m)
        longest = max(end - begin for begin, end in windows)
        # Shorter windows see their last element again.
        seen = [[min(begin + k, end - 1) for k in range(longest)] for begin, end in windows]
        x = ops.max(ops.take(x, np.array(seen), axis=axis), axis + 1)
    return x


def _windows(n: int, m: int) -> list[tuple[int, int]]:
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def _sides(op: str, x: Tensor, output_size: Ints) -> list[tuple[int, int, int]]:
    """The number, the size and the wanted size of every axis that changes."""
    count = x.ndim - 2
    if not 1 <= count <= 3:
        raise ShapeError(
            f"[{op}] x has shape {x.shape}; expected [batch, *sides, channels] with one to three sides; reshape it"
        )
    sizes = (output_size,) * count if isinstance(output_size, int) else tuple(output_size)
    if len(sizes) != count or min(sizes) < 1:
        raise InvalidValueError(
            f"[{op}] got output_size {output_size}; expected one number of at least 1, or {count}, one for each side"
        )
    known = [int(n) for n in x.shape[1:-1]]
    if min(known) < 1:
        raise ShapeError(
            f"[{op}] x has shape {x.shape}; expected no empty side; check what made it"
        )
    return [(1 + i, n, m) for i, (n, m) in enumerate(zip(known, sizes, strict=True)) if n != m]
