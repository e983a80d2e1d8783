"""The ranges that random layers draw their strength from."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError

Range = tuple[float, float]


def as_range(layer: str, name: str, factor: Any, bounds: Range = (-1.0, 1.0)) -> Range:
    """Make a range of a number or of a pair.

    Args:
        layer: Who asks, for messages.
        name: What is asked for.
        factor: A pair, or a number f, which stands for (-f, f) where negative numbers are allowed, else for (lowest, f).
        bounds: The lowest and the highest number.

    Raises:
        ValueError: It is neither, the pair falls, or it is out of bounds.
    """
    low, high = bounds
    made: Range
    if isinstance(factor, list | tuple) and len(factor) == 2:
        made = factor[0], factor[1]
    elif isinstance(factor, int | float) and not isinstance(factor, bool):
        made = (-abs(factor), abs(factor)) if low < 0 else (low, factor)
    else:
        raise InvalidValueError(
            f"[{layer}] got {name}={factor!r}; use a number, or a pair of numbers, from {low:g} to {high:g}"
        )
    if not low <= made[0] <= made[1] <= high:
        raise InvalidValueError(
            f"[{layer}] got {name}={factor!r}; use numbers from {low:g} to {high:g}, the smaller one first"
        )
    return made


def check_value_range(layer: str, value_range: Any) -> Any:
    """Check a pair of numbers that rises.

    Raises:
        ValueError: It is no such pair.
    """
    is_pair = isinstance(value_range, list | tuple) and len(value_range) == 2
    if not is_pair or not value_range[0] < value_range[1]:
        raise InvalidValueError(
            f"[{layer}] got value_range={value_range!r}; use two numbers, the smaller one first: (0, 255) or (0, 1)"
        )
    return value_range


def between(drawn: Any, limits: Range) -> Any:
    """Bring numbers from [0, 1) to a range."""
    low, high = float(limits[0]), float(limits[1])
    return drawn * (high - low) + low


def per_image(x: Any) -> Any:
    """Give numbers, one for each image, the axes of images: [batch] becomes [batch, 1, 1, 1]."""
    return ps.reshape(x, (x.shape[0], 1, 1, 1))
