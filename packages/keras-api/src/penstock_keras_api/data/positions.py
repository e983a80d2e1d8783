"""Where a stream's input stood, for streams that read ahead."""

from __future__ import annotations

from collections import deque
from typing import Any

from penstock_keras_api.data.stream import Stream

_EVERY = 64


class Positions:
    """Remembers the input's state at every 64th element, to say where the nth element begins.

    Args:
        source: The input, at its beginning.
    """

    def __init__(self, source: Stream) -> None:
        self._input = source
        self._pulled = 0
        self._kept: deque[tuple[int, dict[str, Any]]] = deque()

    def before_pull(self) -> None:
        """Take note that an element is about to be pulled."""
        if self._pulled % _EVERY == 0:
            self._kept.append((self._pulled, self._input.state()))
        self._pulled += 1

    def at(self, given: int) -> dict[str, Any]:
        """Return the position before the element of a number."""
        if not self._kept or (given >= self._pulled):
            return {"input": self._input.state(), "ahead": given - self._pulled}
        while len(self._kept) > 1 and self._kept[1][0] <= given:
            self._kept.popleft()
        number, state = self._kept[0]
        return {"input": state, "ahead": given - number}

    def forget(self, given: int) -> None:
        """Drop what lies before an element."""
        while len(self._kept) > 1 and self._kept[1][0] <= given:
            self._kept.popleft()

    def restore(self, state: dict[str, Any]) -> None:
        """Bring the input to a position, and begin counting there."""
        self._input.restore(state["input"])
        self._input.advance(int(state["ahead"]))
        self._pulled = 0
        self._kept.clear()
