"""`repeat`: the elements again and again."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.data import elements
from penstock_keras_api.data.node import INFINITE, UNKNOWN, Node
from penstock_keras_api.data.stream import Stream


class RepeatNode(Node):
    """The elements so many times.

    Args:
        source: Whose elements.
        count: How many times; None or -1 without end.
    """

    def __init__(self, source: Node, count: int | None) -> None:
        super().__init__(source)
        self.count = None if count is None or count < 0 else int(count)

    def stream(self) -> RepeatStream:
        """Begin a pass."""
        return RepeatStream(self)

    def length(self) -> int:
        """Return how many elements there are."""
        length = self.inputs[0].length()
        if length == 0 or self.count == 0:
            return 0
        if self.count is None or length == INFINITE:
            return INFINITE
        return UNKNOWN if length == UNKNOWN else length * self.count


class RepeatStream(Stream):
    """A pass over many passes."""

    kind = "repeat"

    def __init__(self, node: RepeatNode) -> None:
        self._node = node
        self._lap, self._empty = 0, True
        self._input: Stream | None = None

    @property
    def has_rows(self) -> bool:  # type: ignore[override]
        """Whether the input has rows."""
        return self._begun() and self._input is not None and self._input.has_rows

    def _begun(self) -> bool:
        """Begin a pass, if none is under way and one is left."""
        if self._input is None and (self._node.count is None or self._lap < self._node.count):
            self._input = self._node.inputs[0].stream()
            self._empty = True
        return self._input is not None

    def _end_lap(self) -> None:
        assert self._input is not None
        self._input.close()
        self._input = None
        self._lap = self._lap + 1 if not self._empty else (self._node.count or self._lap + 1)
        if self._empty and self._node.count is None:
            raise StopIteration  # nothing, without end

    def __next__(self) -> Any:
        while self._begun():
            try:
                element = next(self._input)  # type: ignore[arg-type]
            except StopIteration:
                self._end_lap()
            else:
                self._empty = False
                return element
        raise StopIteration

    def rows(self, most: int) -> tuple[int, Any]:
        """Return rows; those of two passes are put together."""
        parts: list[Any] = []
        count = 0
        while count < most and self._begun():
            assert self._input is not None
            more, found = self._input.rows(most - count)
            self._empty &= not more
            parts += [found] if more else []
            count += more
            if count < most:
                try:
                    self._end_lap()
                except StopIteration:
                    break
        return count, elements.joined_rows(parts)

    def advance(self, count: int) -> int:
        """Go over elements; of datasets whose length is known whole passes at once."""
        gone = 0
        while gone < count and self._begun():
            assert self._input is not None
            part = self._input.advance(count - gone)
            gone += part
            self._empty &= not part
            if gone < count:
                try:
                    self._end_lap()
                except StopIteration:
                    break
        return gone

    def state(self) -> dict[str, Any]:
        """Return the position."""
        inner = None if self._input is None else self._input.state()
        return {"kind": self.kind, "lap": self._lap, "input": inner, "empty": self._empty}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self.check(state)
        self.close()
        self._lap, self._input = int(state["lap"]), None
        if state["input"] is not None:
            self._input = self._node.inputs[0].stream()
            self._input.restore(state["input"])
        self._empty = bool(state["empty"])

    def close(self) -> None:
        """End what the input runs."""
        if self._input is not None:
            self._input.close()
