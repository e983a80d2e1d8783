"""`filter`, `take_while`, `unique`, `ignore_errors`: elements that something says yes to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.errors import InvalidTypeError
from penstock_keras_api.data import elements
from penstock_keras_api.data.node import UNKNOWN, Node
from penstock_keras_api.data.stream import Derived, Stream
from penstock_keras_api.data.user_function import UserFunction

_log = logging.getLogger("penstock.keras.data")


class FilterNode(Node):
    """The elements for which a function says yes.

    Args:
        source: Whose elements.
        predicate: Returns one truth value.
        until_no: Whether the first no is the end.
    """

    def __init__(self, source: Node, predicate: Callable[..., Any], until_no: bool = False) -> None:
        super().__init__(source)
        self.until_no = until_no
        self.where = "take_while" if until_no else "filter"
        self.fn = UserFunction(predicate, self.where)

    def stream(self) -> FilterStream:
        """Begin a pass."""
        return FilterStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Say that it is not known."""
        return UNKNOWN

    def get_own_state(self) -> Any:
        """Return where random numbers come from."""
        return self.fn.seed

    def set_own_state(self, state: Any) -> None:
        """Set where random numbers come from."""
        self.fn.seed = state


class FilterStream(Derived):
    """A pass over the elements that are kept."""

    kind = "filter"

    def __init__(self, node: FilterNode, source: Stream) -> None:
        super().__init__(source)
        self._node = node
        self._number = 0
        self._ended = False

    def __next__(self) -> Any:
        while not self._ended:
            element = next(self._input)
            self._number += 1
            if self._says_yes(element):
                return element
            self._ended = self._node.until_no
        raise StopIteration

    def _says_yes(self, element: Any) -> bool:
        found = self._node.fn(element, self._number - 1)
        answer = (
            np.asarray(elements.as_array(found)) if not isinstance(found, tuple | dict) else None
        )
        if answer is None or answer.shape or answer.dtype != bool:
            raise InvalidTypeError(
                f"[{self._node.where}] the function returned {elements.outline(found)}; expected one truth value: compare "
                "something, or use all(...)"
            )
        return bool(answer)

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {**super().state(), "number": self._number, "ended": self._ended}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        super().restore(state)
        self._number, self._ended = int(state["number"]), bool(state["ended"])


class UniqueNode(Node):
    """Every element once: where it first stands.

    Args:
        source: Whose elements.
    """

    def stream(self) -> UniqueStream:
        """Begin a pass."""
        return UniqueStream(self.inputs[0].stream())

    def length(self) -> int:
        """Say that it is not known."""
        return UNKNOWN


class UniqueStream(Derived):
    """A pass over elements that have not been there."""

    kind = "unique"

    def __init__(self, source: Stream) -> None:
        super().__init__(source)
        self._base = source.state()
        self._at = 0
        self._seen: set[bytes] = set()

    def __next__(self) -> Any:
        while True:
            element = next(self._input)
            self._at += 1
            key = b"|".join(_key(leaf) for leaf in elements.leaves(element))
            if key not in self._seen:
                self._seen.add(key)
                return element

    def state(self) -> dict[str, Any]:
        """Return the position; what was seen is found again by replay."""
        return {"kind": self.kind, "at": self._at, "input": self._base}

    def restore(self, state: dict[str, Any]) -> None:
        """Look at the elements again."""
        self._base = self.check(state)["input"]
        self._input.restore(self._base)
        self._at, self._seen = 0, set()
        while self._at < state["at"]:
            element = next(self._input)
            self._at += 1
            self._seen.add(b"|".join(_key(leaf) for leaf in elements.leaves(element)))


def _key(leaf: Any) -> bytes:
    array = np.asarray(elements.as_array(leaf))
    if array.dtype.kind in "OSU":
        return repr(array.tolist()).encode()
    return str(array.shape).encode() + array.tobytes()


class IgnoreErrorsNode(Node):
    """The elements that can be had; those that raise an error are counted.

    Args:
        source: Whose elements.
        log: Whether every error is logged as a warning.
    """

    def __init__(self, source: Node, log: bool) -> None:
        super().__init__(source)
        self.log = bool(log)
        self.count = 0
        self.last: Exception | None = None

    def stream(self) -> IgnoreErrorsStream:
        """Begin a pass."""
        return IgnoreErrorsStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Say that it is not known."""
        length = self.inputs[0].length()
        return length if length < 0 else UNKNOWN


class IgnoreErrorsStream(Derived):
    """A pass over the elements that can be had."""

    kind = "ignore_errors"

    def __init__(self, node: IgnoreErrorsNode, source: Stream) -> None:
        super().__init__(source)
        self._node = node
        self._in_a_row = 0

    def __next__(self) -> Any:
        while True:
            try:
                element = next(self._input)
            except StopIteration:
                raise
            except Exception as error:
                self._count(error)
            else:
                self._in_a_row = 0
                return element

    def _count(self, error: Exception) -> None:
        self._node.count += 1
        self._node.last = error
        self._in_a_row += 1
        if self._node.log:
            _log.warning("skipped an element: %s", error)
        if self._in_a_row >= 10_000:
            error.add_note(
                "[ignore_errors] 10,000 elements in a row raised an error; mend what makes them"
            )
            raise error
