"""Arrays in memory, cut along their first axis; and one element alone."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.data import elements
from penstock_keras_api.data import spec as specs
from penstock_keras_api.data.node import Node
from penstock_keras_api.data.stream import Counted


class SlicesNode(Node):
    """Row i of every array is element i.

    Args:
        arrays: [n, ...] each, in tuples and dictionaries.

    Raises:
        ShapeError: The arrays have different numbers of rows, or an array has none.
    """

    def __init__(self, arrays: Any) -> None:
        super().__init__()
        self.arrays = elements.mapped(elements.as_array, elements.from_user(arrays))
        self.count = elements.count_rows(self.arrays, "from_tensor_slices")

    def stream(self) -> TableStream:
        """Begin a pass."""
        return TableStream(self)

    def table(self) -> SlicesNode:
        """Return itself: rows are at hand."""
        return self

    def length(self) -> int:
        """Return how many elements there are."""
        return self.count

    def make_spec(self) -> Any:
        """Return the spec of a row."""
        return specs.unbatched(specs.spec_of(self.arrays))

    def __len__(self) -> int:
        return self.count

    def row(self, number: int) -> Any:
        """Return an element."""
        return elements.row_of(self.arrays, number)

    def rows(self, begin: int, end: int) -> Any:
        """Return elements in a row: a view, not a copy."""
        return elements.mapped(lambda leaf: leaf[begin:end], self.arrays)

    def gather(self, indices: Any) -> Any:
        """Return elements of any numbers."""
        return elements.mapped(lambda leaf: elements.gathered(leaf, indices), self.arrays)


class TableStream(Counted):
    """The elements of a table, first to last."""

    kind = "table"
    has_rows = True

    def __init__(self, table: Any) -> None:
        super().__init__()
        self._table = table
        self._end = len(table)

    def __next__(self) -> Any:
        at = self._at
        if at >= self._end:
            raise StopIteration
        self._at = at + 1
        return self._table.row(at)

    def rows(self, most: int) -> tuple[int, Any]:
        """Return up to `most` elements as rows."""
        begin, end = self._at, min(self._at + most, self._end)
        if begin == end:
            return 0, None
        self._at = end
        return end - begin, self._table.rows(begin, end)

    def advance(self, count: int) -> int:
        """Go over elements."""
        gone = min(count, self._end - self._at)
        self._at += gone
        return gone


class OneNode(Node):
    """One element.

    Args:
        element: The element.
    """

    def __init__(self, element: Any) -> None:
        super().__init__()
        self.element = elements.mapped(elements.as_array, elements.from_user(element))

    def stream(self) -> TableStream:
        """Begin a pass."""
        return TableStream(self)

    def table(self) -> OneNode:
        """Return itself."""
        return self

    def length(self) -> int:
        """Return 1."""
        return 1

    def make_spec(self) -> Any:
        """Return the spec of the element."""
        return specs.spec_of(self.element)

    def __len__(self) -> int:
        return 1

    def row(self, number: int) -> Any:
        """Return the element."""
        return self.element

    def rows(self, begin: int, end: int) -> Any:
        """Return the element as the only row."""
        return elements.stack([self.element] * (end - begin))

    def gather(self, indices: Any) -> Any:
        """Return the element as the only row."""
        return elements.stack([self.element] * len(indices))
