"""`Node`: a dataset's source or transformation. A dataset is a tree of nodes; each iteration is a tree of streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from penstock.errors import InvalidValueError
from penstock_keras_api.data import spec as specs
from penstock_keras_api.data.stream import Stream

INFINITE = -1
UNKNOWN = -2


class NoElementError(InvalidValueError):
    """There is no element that would say what elements are like."""


class Table(Protocol):
    """Elements that can be had in any order at no cost."""

    def __len__(self) -> int: ...

    def row(self, number: int) -> Any:
        """Return an element."""

    def rows(self, begin: int, end: int) -> Any:
        """Return elements in a row, as the rows of one."""

    def gather(self, indices: Any) -> Any:
        """Return elements of any numbers, as the rows of one."""


class Node:
    """A source or transformation.

    Args:
        inputs: The nodes whose elements it takes.
    """

    def __init__(self, *inputs: Node) -> None:
        self.inputs = inputs
        self._spec: Any = None

    def stream(self) -> Stream:
        """Begin a pass."""
        raise NotImplementedError

    def length(self) -> int:
        """Return how many elements there are, `INFINITE` or `UNKNOWN`."""
        return self.inputs[0].length()

    def table(self) -> Table | None:
        """Return the elements as a table, if they are one."""
        return None

    def make_spec(self) -> Any:
        """Return the spec of the elements; by default the inputs'."""
        return self.inputs[0].element_spec

    @property
    def element_spec(self) -> Any:
        """The spec of the elements; found out when it is asked for."""
        if self._spec is None:
            self._spec = self.make_spec()
        return self._spec

    def peek_spec(self) -> Any:
        """Return the spec of the first element."""
        try:
            return specs.spec_of(self.peek())
        except StopIteration:
            raise NoElementError(
                "[Dataset] there is no element, so nothing says what elements are like"
            ) from None

    def peek(self) -> Any:
        """Return the first element of a pass that nobody notices.

        Raises:
            StopIteration: There is none.
        """
        before = [node.get_own_state() for node in walk(self)]
        stream = self.stream()
        try:
            return next(stream)
        finally:
            stream.close()
            for node, state in zip(walk(self), before, strict=True):
                node.set_own_state(state)

    def get_own_state(self) -> Any:
        """Return what changes from pass to pass: which epoch a shuffle is in."""
        return None

    def set_own_state(self, state: Any) -> None:
        """Set what `get_own_state` returned."""


def walk(node: Node) -> Iterator[Node]:
    """List a node and all that it takes elements of, each once."""
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        now = waiting.pop()
        if id(now) not in seen:
            seen.add(id(now))
            yield now
            waiting += reversed(now.inputs)


def known(length: int) -> bool:
    """Whether a length is a number of elements."""
    return length >= 0


def scaled(length: int, change: Callable[[int], int]) -> int:
    """Change a length if it is a number."""
    return change(length) if known(length) else length
