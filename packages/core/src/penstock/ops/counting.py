"""Numbers in a row whose count may still be a symbol, so that one trace serves every size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock._native import Dim

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike


def is_whole(number: Any) -> bool:
    """Whether a number is a whole one or a size."""
    return isinstance(number, Dim | int | np.integer)


def positions(length: int | Dim) -> Tensor:
    """The numbers of the places along an axis: 0, 1, ..., length - 1. [length], int64."""
    if not isinstance(length, Dim):
        return ops.arange_(0, length, 1, "int64")
    # Attributes of `arange` are numbers, and cannot be symbols; shapes can.
    return ops.cumsum(ops.full((length,), 1, "int64"), exclusive=True)


def counted(start: int | Dim, stop: int | Dim, step: int, dtype: DTypeLike) -> Tensor:
    """Count as `arange` does, between sizes. [⌈(stop - start) / step⌉], of `dtype`."""
    nothing = ops.arange_(0, 0, 1, dtype)  # refuses the dtypes that `arange` refuses
    length: Any = stop - start if step == 1 else -((start - stop) // step)
    if length <= 0:
        return nothing
    y = positions(length)
    if step != 1:
        y = y * step
    if isinstance(start, Dim):
        y = y + _known_later(start)
    elif start != 0:
        y = y + start
    return ops.astype(y, dtype)


def divided(start: float, stop: float, num: Dim, endpoint: bool) -> Tensor:
    """Divide an interval as `linspace` does, into a number of parts that is a symbol. [num], float64."""
    steps = num - 1 if endpoint else num
    y = ops.astype(positions(num), "float64")
    inside = y * ((stop - start) / _known_later(steps, "float64")) + start
    if not endpoint:
        return inside
    return ops.where(y == _known_later(steps, "float64"), ops.full((), stop, "float64"), inside)


def _known_later(size: Dim, dtype: DTypeLike = "int64") -> Tensor:
    """A size as a tensor."""
    return ops.size_of([size], dtype) if size >= 0 else -ops.size_of([-size], dtype)
