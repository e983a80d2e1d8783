"""Python iterators: a function that makes them, an iterable, or one iterator that can be used once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.data import elements
from penstock_keras_api.data import spec as specs
from penstock_keras_api.data.node import UNKNOWN, Node, NoElementError
from penstock_keras_api.data.stream import Counted


class GeneratorNode(Node):
    """What a function's iterators give.

    Args:
        make: Returns an iterable; called for every pass.
        signature: The spec of the elements; None finds it out of the first one.
        where: What to call it in errors.
        count: How many elements there are, if it is known.

    Raises:
        InvalidTypeError: `make` cannot be called.
    """

    def __init__(
        self,
        make: Callable[[], Iterable[Any]],
        signature: Any = None,
        where: str = "from_generator",
        count: int = UNKNOWN,
    ) -> None:
        super().__init__()
        if not callable(make):
            raise InvalidTypeError(
                f"[{where}] got {type(make).__name__}; expected a function that returns a generator: give the function "
                "itself, without calling it, or use Dataset.from_iterable"
            )
        self.make, self.signature, self.where, self.count = make, signature, where, count

    def stream(self) -> GeneratorStream:
        """Begin a pass."""
        return GeneratorStream(self)

    def length(self) -> int:
        """Return the number that was given."""
        return self.count

    def make_spec(self) -> Any:
        """Return the signature, or what the first element says."""
        return self.signature if self.signature is not None else self.peek_spec()

    def peek(self) -> Any:
        """Return the first element.

        Raises:
            InvalidValueError: There is none.
        """
        try:
            return super().peek()
        except StopIteration:
            raise NoElementError(
                f"[{self.where}] the generator gives no element, so nothing says what elements are like; give "
                "output_signature=..."
            ) from None


class GeneratorStream(Counted):
    """A pass over an iterator of the user's."""

    kind = "generator"

    def __init__(self, node: GeneratorNode) -> None:
        super().__init__()
        self._node = node
        self._iterator: Iterator[Any] | None = None

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._node.make())
        value = elements.from_user(next(self._iterator))
        if self._node.signature is not None:
            where = f"{self._node.where}: element {self._at}"
            value = specs.conform(value, self._node.signature, where)
        self._at += 1
        return value

    def advance(self, count: int) -> int:
        """Go over elements; they are made, but not looked at."""
        if self._iterator is None:
            self._iterator = iter(self._node.make())
        for number in range(count):
            try:
                next(self._iterator)
            except StopIteration:
                return number
            self._at += 1
        return count

    def restore(self, state: dict[str, Any]) -> None:
        """Make a new iterator, and go over what was given."""
        at = int(self.check(state)["at"])
        self.close()
        self._at = 0
        if self.advance(at) < at:
            raise InvalidValueError(
                f"[set_state] the generator gives less than {at} elements now; make it give the same ones again"
            )

    def close(self) -> None:
        """Close the generator."""
        if self._iterator is not None and hasattr(self._iterator, "close"):
            self._iterator.close()
        self._iterator = None


def iterable_node(items: Any, signature: Any = None) -> Node:
    """Make a source of something that can be iterated over.

    Args:
        items: An iterable; an iterator can be gone through once.
        signature: The spec of the elements.

    Raises:
        InvalidTypeError: It cannot be iterated over.
    """
    if not isinstance(items, Iterable):
        raise InvalidTypeError(
            f"[from_iterable] got {type(items).__name__}; expected something that a for loop takes"
        )
    if isinstance(items, Iterator):
        return OnceNode(items, signature)
    count = len(items) if isinstance(items, Sized) else UNKNOWN
    return GeneratorNode(lambda: items, signature, "from_iterable", count)


class OnceNode(GeneratorNode):
    """What one iterator gives, which can be gone through only once.

    Args:
        items: The iterator.
        signature: The spec of the elements.
    """

    def __init__(self, items: Iterator[Any], signature: Any) -> None:
        super().__init__(self._open, signature, "from_iterable")
        self._items = items
        self._seen: list[Any] = []
        self._used = False

    def _open(self) -> Iterator[Any]:
        if self._used:
            raise InvalidValueError(
                f"[from_iterable] {type(self._items).__name__} can be gone through only once, and was; give a list, or use "
                "from_generator with a function that makes a new one for each epoch"
            )
        self._used = True
        return itertools.chain(self._seen, self._items)

    def peek(self) -> Any:
        """Return the first element, which the pass will give too."""
        if not self._seen:
            for item in self._items:
                self._seen.append(elements.from_user(item))
                break
            else:
                return super().peek()
        return self._seen[0]
