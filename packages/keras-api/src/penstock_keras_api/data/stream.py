"""`Stream`: one pass over a dataset. Every transformation has a class of streams.

A stream gives elements one by one, or several at once as the rows of one element, which is cheaper where memory
is copied in one go. It knows its position: `state()` is a small dictionary, and a new stream of an equal dataset
that was given it by `restore` goes on with the same elements.
"""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.data import elements


class Stream:
    """One pass over a dataset."""

    kind = "stream"
    has_rows = False
    """Whether `rows` is cheaper than elements one by one."""

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        raise NotImplementedError

    def rows(self, most: int) -> tuple[int, Any]:
        """Return how many elements follow, up to `most`, and one element with a row for each."""
        found = self.take(most)
        return len(found), elements.stack(found) if found else None

    def take(self, most: int) -> list[Any]:
        """Return up to `most` elements."""
        found: list[Any] = []
        for _ in range(most):
            try:
                found.append(next(self))
            except StopIteration:
                break
        return found

    def advance(self, count: int) -> int:
        """Go over elements without making them, if possible; return how many there were."""
        for number in range(count):
            try:
                next(self)
            except StopIteration:
                return number
        return count

    def state(self) -> dict[str, Any]:
        """Return the position."""
        raise NotImplementedError

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        raise NotImplementedError

    def close(self) -> None:
        """End threads, close files."""

    def check(self, state: Any) -> dict[str, Any]:
        """Check that a state is of this kind of stream.

        Raises:
            InvalidValueError: It is of another.
        """
        if not isinstance(state, dict) or state.get("kind") != self.kind:
            found = state.get("kind") if isinstance(state, dict) else type(state).__name__
            raise InvalidValueError(
                f"[set_state] the state is of {found!r}, expected {self.kind!r}; build the dataset as it was when the "
                "state was taken"
            )
        return state


class Counted(Stream):
    """A stream whose position is how many elements it gave."""

    def __init__(self) -> None:
        self._at = 0

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {"kind": self.kind, "at": self._at}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self._at = int(self.check(state)["at"])


class Derived(Stream):
    """A stream of what another gives, with no position besides that one's."""

    def __init__(self, source: Stream) -> None:
        self._input = source

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {"kind": self.kind, "input": self._input.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self._input.restore(self.check(state)["input"])

    def close(self) -> None:
        """End threads, close files."""
        self._input.close()
