"""`batch`, `unbatch`, `rebatch`: several elements as one with a row for each, and back."""

from __future__ import annotations

import operator
from typing import Any

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.data import elements
from penstock_keras_api.data import spec as specs
from penstock_keras_api.data.node import UNKNOWN, Node, scaled
from penstock_keras_api.data.stream import Derived, Stream


def positive(value: Any, what: str, where: str) -> int:
    """Return a whole number from 1.

    Raises:
        InvalidTypeError: It is no whole number.
        InvalidValueError: It is below 1.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidTypeError(
            f"[{where}] got {what}={value!r}; use a whole number, as in {where}(32)"
        ) from None
    if number < 1:
        raise InvalidValueError(f"[{where}] got {what}={number}; use a whole number from 1")
    return number


class BatchNode(Node):
    """Batches of so many elements.

    Args:
        source: Whose elements.
        size: How many.
        drop_remainder: Whether a last batch of fewer elements is left out.
    """

    def __init__(self, source: Node, size: int, drop_remainder: bool) -> None:
        super().__init__(source)
        self.size = positive(size, "batch_size", "batch")
        self.drop_remainder = bool(drop_remainder)

    def stream(self) -> BatchStream:
        """Begin a pass."""
        return BatchStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Return how many batches there are."""
        size, drop = self.size, self.drop_remainder
        return scaled(self.inputs[0].length(), lambda n: n // size if drop else -(-n // size))

    def make_spec(self) -> Any:
        """Return the spec of batches."""
        size = self.size if self.drop_remainder else None
        return specs.batched(self.inputs[0].element_spec, size)


class BatchStream(Derived):
    """A pass over batches."""

    kind = "batch"

    def __init__(self, node: BatchNode, source: Stream) -> None:
        super().__init__(source)
        self._size, self._drop = node.size, node.drop_remainder

    def __next__(self) -> Any:
        count, rows = self._input.rows(self._size)
        if not count or (self._drop and count < self._size):
            raise StopIteration
        return rows

    def advance(self, count: int) -> int:
        """Go over batches."""
        gone = self._input.advance(count * self._size)
        return gone // self._size if self._drop else -(-gone // self._size)


class UnbatchNode(Node):
    """The rows of batches.

    Args:
        source: The batches.
    """

    def stream(self) -> UnbatchStream:
        """Begin a pass."""
        return UnbatchStream(self.inputs[0].stream())

    def length(self) -> int:
        """Say that it is not known."""
        length = self.inputs[0].length()
        return length if length < 0 else UNKNOWN

    def make_spec(self) -> Any:
        """Return the spec of a row."""
        return specs.unbatched(self.inputs[0].element_spec)


class UnbatchStream(Stream):
    """A pass over rows."""

    kind = "unbatch"

    def __init__(self, source: Stream) -> None:
        self._input = source
        self._batch: Any = None
        self._count = self._at = 0
        self._before = source.state()

    def __next__(self) -> Any:
        while self._at >= self._count:
            self._pull()
        self._at += 1
        return elements.row_of(self._batch, self._at - 1)

    def _pull(self) -> None:
        self._before = self._input.state()
        self._at = self._count = 0
        batch = next(self._input)
        self._count = elements.count_rows(batch, "unbatch")
        self._batch = elements.mapped(elements.as_array, batch)

    def rows(self, most: int) -> tuple[int, Any]:
        """Return rows; a view where they lie in one batch."""
        try:
            while self._at >= self._count:
                self._pull()
        except StopIteration:
            return 0, None
        if self._count - self._at >= most:
            begin, self._at = self._at, self._at + most
            return most, elements.mapped(lambda leaf: leaf[begin : begin + most], self._batch)
        return super().rows(most)

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {"kind": self.kind, "at": self._at, "input": self._before}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self._input.restore(self.check(state)["input"])
        self._at = self._count = 0
        self._before = state["input"]
        if state["at"]:
            self._pull()
            self._at = int(state["at"])

    def close(self) -> None:
        """End what the input runs."""
        self._input.close()


def rebatched(source: Node, size: Any, drop_remainder: bool) -> Node:
    """Make batches of another size, or of several sizes in turn, of batches.

    Args:
        source: Batches.
        size: How many rows; a list of numbers is gone through again and again.
        drop_remainder: Whether a last batch of fewer rows is left out.
    """
    if not isinstance(size, list | tuple):
        return BatchNode(UnbatchNode(source), size, drop_remainder)
    return RebatchNode(
        UnbatchNode(source), [positive(n, "batch_size", "rebatch") for n in size], drop_remainder
    )


class RebatchNode(Node):
    """Batches of sizes that take turns."""

    def __init__(self, source: Node, sizes: list[int], drop_remainder: bool) -> None:
        super().__init__(source)
        self.sizes, self.drop_remainder = sizes, drop_remainder

    def stream(self) -> RebatchStream:
        """Begin a pass."""
        return RebatchStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Say that it is not known."""
        length = self.inputs[0].length()
        return length if length < 0 else UNKNOWN

    def make_spec(self) -> Any:
        """Return the spec of batches."""
        return specs.batched(self.inputs[0].element_spec, None)


class RebatchStream(Derived):
    """A pass over batches of sizes that take turns."""

    kind = "rebatch"

    def __init__(self, node: RebatchNode, source: Stream) -> None:
        super().__init__(source)
        self._sizes, self._drop, self._turn = node.sizes, node.drop_remainder, 0

    def __next__(self) -> Any:
        size = self._sizes[self._turn]
        count, rows = self._input.rows(size)
        if not count or (self._drop and count < size):
            raise StopIteration
        self._turn = (self._turn + 1) % len(self._sizes)
        return rows

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {**super().state(), "turn": self._turn}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        super().restore(state)
        self._turn = int(state["turn"])
