"""`take`, `skip`, `shard`, `enumerate`: some elements by their numbers, and the numbers themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api.data.node import INFINITE, Node, scaled
from penstock_keras_api.data.spec import TensorSpec
from penstock_keras_api.data.stream import Derived, Stream


class PartNode(Node):
    """The elements from one number on, up to another, in steps: `take`, `skip` and `shard`.

    Args:
        source: Whose elements.
        begin: The first.
        end: Behind the last; None for the end.
        step: The distance.
    """

    def __init__(self, source: Node, begin: int = 0, end: int | None = None, step: int = 1) -> None:
        super().__init__(source)
        self.begin, self.end, self.step = begin, end, step

    def stream(self) -> PartStream:
        """Begin a pass."""
        return PartStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Return how many elements there are."""
        length = self.inputs[0].length()
        if length == INFINITE and self.end is not None:
            return len(range(self.begin, self.end, self.step))
        return scaled(length, lambda n: len(self._chosen(n)))

    def _chosen(self, count: int) -> range:
        end = count if self.end is None else min(self.end, count)
        return range(min(self.begin, count), end, self.step)

    def table(self) -> Any:
        """Return the elements as a table, if the input is one."""
        table = self.inputs[0].table()
        return None if table is None else PartTable(table, self._chosen(len(table)))


class PartTable:
    """Some rows of a table.

    Args:
        table: The table.
        chosen: The numbers of the rows.
    """

    def __init__(self, table: Any, chosen: range) -> None:
        self._table, self._chosen = table, chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def row(self, number: int) -> Any:
        """Return an element."""
        return self._table.row(self._chosen[number])

    def rows(self, begin: int, end: int) -> Any:
        """Return elements in a row."""
        part = self._chosen[begin:end]
        if part.step == 1:
            return self._table.rows(part.start, part.stop)
        return self._table.gather(np.arange(part.start, part.stop, part.step))

    def gather(self, indices: Any) -> Any:
        """Return elements of any numbers."""
        return self._table.gather(self._chosen.start + np.asarray(indices) * self._chosen.step)


class PartStream(Derived):
    """A pass over a part."""

    kind = "part"

    def __init__(self, node: PartNode, source: Stream) -> None:
        super().__init__(source)
        self._node = node
        self._position = 0  # in the input

    @property
    def has_rows(self) -> bool:  # type: ignore[override]
        """Whether the input's rows can be passed on."""
        return self._node.step == 1 and self._input.has_rows

    def _go(self) -> bool:
        """Go to the next element that counts; whether there may be one."""
        node, at = self._node, self._position
        target = node.begin if at <= node.begin else at + (node.begin - at) % node.step
        if node.end is not None and target >= node.end:
            return False
        if target > at:
            self._position += self._input.advance(target - at)
        return self._position == target

    def __next__(self) -> Any:
        if not self._go():
            raise StopIteration
        element = next(self._input)
        self._position += 1
        return element

    def rows(self, most: int) -> tuple[int, Any]:
        """Return rows of the input."""
        if self._node.step > 1:
            return super().rows(most)
        if not self._go():
            return 0, None
        if self._node.end is not None:
            most = min(most, self._node.end - self._position)
        count, rows = self._input.rows(most)
        self._position += count
        return count, rows

    def advance(self, count: int) -> int:
        """Go over elements."""
        if self._node.step > 1:
            for number in range(count):
                if not self._go() or not self._input.advance(1):
                    return number
                self._position += 1
            return count
        if not self._go():
            return 0
        if self._node.end is not None:
            count = min(count, self._node.end - self._position)
        gone = self._input.advance(count)
        self._position += gone
        return gone

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {**super().state(), "at": self._position}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        super().restore(state)
        self._position = int(state["at"])


def taken(source: Node, count: int) -> Node:
    """Take the first elements; -1 for all."""
    return source if count < 0 else PartNode(source, 0, int(count))


def skipped(source: Node, count: int) -> Node:
    """Leave the first elements out; -1 for all."""
    return PartNode(source, 0, 0) if count < 0 else PartNode(source, int(count))


def sharded(source: Node, num_shards: int, index: int) -> Node:
    """Take every nth element.

    Raises:
        InvalidValueError: There is no such part.
    """
    if num_shards < 1 or not 0 <= index < num_shards:
        raise InvalidValueError(
            f"[shard] got num_shards={num_shards}, index={index}; index counts from 0 to num_shards - 1"
        )
    return PartNode(source, int(index), None, int(num_shards))


class EnumerateNode(Node):
    """Elements with their numbers.

    Args:
        source: Whose elements.
        start: The first number.
    """

    def __init__(self, source: Node, start: int) -> None:
        super().__init__(source)
        self.start = int(start)

    def stream(self) -> EnumerateStream:
        """Begin a pass."""
        return EnumerateStream(self, self.inputs[0].stream())

    def make_spec(self) -> Any:
        """Return the spec of pairs."""
        return (TensorSpec((), "int64"), self.inputs[0].element_spec)

    def table(self) -> Any:
        """Return the elements as a table, if the input is one."""
        table = self.inputs[0].table()
        return None if table is None else EnumerateTable(table, self.start)


class EnumerateTable:
    """A table's rows with their numbers.

    Args:
        table: The table.
        start: The first number.
    """

    def __init__(self, table: Any, start: int) -> None:
        self._table, self._start = table, start

    def __len__(self) -> int:
        return len(self._table)

    def row(self, number: int) -> Any:
        """Return an element."""
        return np.int64(self._start + number), self._table.row(number)

    def rows(self, begin: int, end: int) -> Any:
        """Return elements in a row."""
        numbers = np.arange(self._start + begin, self._start + end)
        return numbers, self._table.rows(begin, end)

    def gather(self, indices: Any) -> Any:
        """Return elements of any numbers."""
        return np.asarray(indices, np.int64) + self._start, self._table.gather(indices)


class EnumerateStream(Derived):
    """A pass over numbered elements."""

    kind = "enumerate"

    def __init__(self, node: EnumerateNode, source: Stream) -> None:
        super().__init__(source)
        self._at = node.start

    @property
    def has_rows(self) -> bool:  # type: ignore[override]
        """Whether the input has rows."""
        return self._input.has_rows

    def __next__(self) -> Any:
        element = next(self._input)
        self._at += 1
        return np.int64(self._at - 1), element

    def rows(self, most: int) -> tuple[int, Any]:
        """Return rows with their numbers."""
        count, rows = self._input.rows(most)
        first, self._at = self._at, self._at + count
        return count, (np.arange(first, first + count), rows) if count else None

    def advance(self, count: int) -> int:
        """Go over elements."""
        gone = self._input.advance(count)
        self._at += gone
        return gone

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {**super().state(), "at": self._at}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        super().restore(state)
        self._at = int(state["at"])
