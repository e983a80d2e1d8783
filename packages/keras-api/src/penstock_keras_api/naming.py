"""Names that are made where none is given: dense, dense_1, dense_2."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def fresh_names() -> Iterator[None]:
    """Begin every count anew in the block, and go on afterwards as if it had not been.

    >>> with fresh_names():
    ...     auto_name("fresh"), auto_name("fresh")
    ('fresh', 'fresh_1')
    >>> with fresh_names():
    ...     auto_name("fresh")
    'fresh'
    """
    outer = dict(_counts)
    _counts.clear()
    try:
        yield
    finally:
        _counts.clear()
        _counts.update(outer)


def reset_names() -> None:
    """Begin every count anew."""
    _counts.clear()
