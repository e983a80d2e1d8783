"""Weights in a quarter of the room: int8 numbers, and a factor for each row or column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

FACTOR = ":factor"
SMALL = 1024  # tensors of fewer numbers, and vectors, stay as they are

Arrays = Mapping[str, np.ndarray[Any, Any]]


def to_int8(tensors: Arrays) -> dict[str, np.ndarray[Any, Any]]:
    """Store large tensors as int8: w ≈ q · factor, with one factor for each row or for each column.

    Each tensor gets the kind of factors that changes it less.

    Args:
        tensors: float32, by name.

    Returns:
        The tensors, and beside each int8 one its factors, named with ":factor" behind.

    Raises:
        ValueError: A tensor is not finite.

    >>> made = to_int8({"w": np.linspace(-1, 1, 2048, dtype="float32").reshape(2, -1)})
    >>> {name: str(value.dtype) for name, value in made.items()}
    {'w': 'int8', 'w:factor': 'float32'}
    """
    made: dict[str, np.ndarray[Any, Any]] = {}
    for name, value in tensors.items():
        if value.ndim < 2 or value.size < SMALL:
            made[name] = value
            continue
        kinds = [_rounded(value, axis) for axis in (0, value.ndim - 1)]
        made[name], made[name + FACTOR] = min(kinds, key=lambda kind: _error(value, *kind))
    return made


def from_int8(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return float32 tensors of what `to_int8` made; all others as they are.

    Args:
        tensors: By name.

    Returns:
        The tensors, without the factors.

    Raises:
        ValueError: Factors do not fit their tensor.
    """
    made = {}
    for name, value in tensors.items():
        if name + FACTOR in tensors:
            factor = np.asarray(tensors[name + FACTOR], np.float32)
            made[name] = np.asarray(value, np.float32) * factor
        elif not name.endswith(FACTOR):
            made[name] = value
    return made


def _rounded(value: np.ndarray[Any, Any], axis: int) -> tuple[np.ndarray[Any, Any], ...]:
    """Round with a factor for each index of an axis."""
    others = tuple(i for i in range(value.ndim) if i != axis)
    largest = np.abs(value).max(others, keepdims=True)
    factor = np.where(largest > 0, largest / 127, 1).astype("float32")
    return np.rint(value / factor).astype("int8"), factor


def _error(
    value: np.ndarray[Any, Any], q: np.ndarray[Any, Any], factor: np.ndarray[Any, Any]
) -> float:
    return float(np.square(q * factor - value).sum())
