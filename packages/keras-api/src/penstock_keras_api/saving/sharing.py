"""Layers that stand in several places of a model: written with a number, and made once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class _Written:
    """What was seen while a model is written."""

    def __init__(self, shared: set[int] | None) -> None:
        self.counts: Counter[int] = Counter()
        self.shared = shared
        self.held: list[Any] = []  # so that no number is given twice


_written: ContextVar[_Written | None] = ContextVar("penstock_keras_written", default=None)
_made: ContextVar[dict[Any, Any] | None] = ContextVar("penstock_keras_made", default=None)


@contextmanager
def writing(shared: set[int] | None = None) -> Iterator[_Written]:
    """Count the layers that are written in the block; those in `shared` get a number."""
    seen = _Written(shared)
    token = _written.set(seen)
    try:
        yield seen
    finally:
        _written.reset(token)


def number_of(layer: Any) -> int | None:
    """Return the number to write for a layer; None if it is not shared, or nothing is counted."""
    seen = _written.get()
    if seen is None:
        return None
    seen.counts[id(layer)] += 1
    seen.held.append(layer)
    return id(layer) if seen.shared and id(layer) in seen.shared else None


@contextmanager
def making() -> Iterator[dict[Any, Any]]:
    """Remember the layers that are made in the block by their numbers; inner blocks share the outer one's."""
    found = _made.get()
    if found is not None:
        yield found
        return
    found = {}
    token = _made.set(found)
    try:
        yield found
    finally:
        _made.reset(token)
