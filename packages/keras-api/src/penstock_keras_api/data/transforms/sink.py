"""Batches that threads fill: each writes its result into its row while the result is still in the core's cache."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

import penstock as ps
from penstock_keras_api.data import elements

_LARGE = 1 << 14


class Placed:
    """A leaf that stands in a row of a batch.

    Args:
        batch: The tensor.
        view: An array over it.
        row: Which row.
    """

    __slots__ = ("batch", "row", "view")

    def __init__(self, batch: ps.Tensor, view: Any, row: int) -> None:
        self.batch, self.view, self.row = batch, view, row

    def value(self) -> Any:
        """Return the leaf."""
        return self.view[self.row].copy()


class Sink:
    """Takes the elements from a number on, so many for each batch.

    Args:
        first: The number of the first element.
        size: How many elements a batch has.
    """

    def __init__(self, first: int, size: int) -> None:
        self.first, self.size = first, size
        self._lock = threading.Lock()
        self._batches: dict[int, list[tuple[ps.Tensor, Any] | None]] = {}

    def place(self, element: Any, number: int) -> Any:
        """Write an element's large leaves into their row."""
        batch, row = divmod(number - self.first, self.size)
        count = 0

        def of(leaf: Any) -> Any:
            nonlocal count
            count += 1
            return self._placed(leaf, batch, row, count - 1)

        return elements.mapped(of, element)

    def _placed(self, leaf: Any, batch: int, row: int, place: int) -> Any:
        if isinstance(leaf, ps.Tensor) and leaf.dtype not in ("bfloat16", "string"):
            array = leaf.numpy()
        elif type(leaf) is np.ndarray and leaf.dtype.kind in "fiub":
            array = leaf
        else:
            return leaf
        if array.nbytes < _LARGE:
            return leaf
        with self._lock:
            columns = self._batches.setdefault(batch, [])
            columns += [None] * (place + 1 - len(columns))
            column = columns[place]
            if column is None:
                column = columns[place] = elements.fresh((self.size, *array.shape), array.dtype)
        tensor, view = column
        if view.shape[1:] != array.shape or view.dtype != array.dtype:
            return leaf
        np.copyto(view[row], array)
        return Placed(tensor, view, row)

    def forget(self, number: int) -> None:
        """Let go of the batch in which an element stands: all of its rows are there."""
        with self._lock:
            self._batches.pop((number - self.first) // self.size, None)


def unplaced(element: Any) -> Any:
    """Take an element out of its batch."""
    return elements.mapped(lambda leaf: leaf.value() if isinstance(leaf, Placed) else leaf, element)


def joined(found: list[Any]) -> Any:
    """Make a batch of its elements, most of which stand in it already."""

    def of(parts: list[Any]) -> Any:
        first = parts[0]
        together = isinstance(first, Placed) and all(
            isinstance(part, Placed) and part.batch is first.batch and part.row == row
            for row, part in enumerate(parts)
        )
        if not together:
            return elements.stacked([p.value() if isinstance(p, Placed) else p for p in parts])
        if len(parts) == first.batch.shape[0]:
            return first.batch
        return first.batch.numpy()[: len(parts)]

    return elements.zipped(of, found)
