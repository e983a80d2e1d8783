"""Names that are made where none is given: dense, dense_1, dense_2."""

from __future__ import annotations

import re
from collections import Counter

_counts: Counter[str] = Counter()


def auto_name(prefix: str) -> str:
    """Return the next free name of a kind: `dense` first, then `dense_1`.

    >>> reset_names()
    >>> auto_name("dense"), auto_name("dense")
    ('dense', 'dense_1')
    """
    number = _counts[prefix]
    _counts[prefix] += 1
    return f"{prefix}_{number}" if number else prefix


def snake_case(name: str) -> str:
    """Write a class's name as a variable's.

    >>> snake_case("Conv2DTranspose"), snake_case("LSTM")
    ('conv2d_transpose', 'lstm')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def reset_names() -> None:
    """Begin every count anew."""
    _counts.clear()
