"""`window` and `group_by_window`: datasets of elements that belong together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.data import elements
from penstock_keras_api.data.node import UNKNOWN, Node, scaled
from penstock_keras_api.data.sources.slices import TableStream
from penstock_keras_api.data.spec import DatasetSpec
from penstock_keras_api.data.stream import Derived, Stream
from penstock_keras_api.data.transforms.batch import positive
from penstock_keras_api.data.user_function import UserFunction


class ListNode(Node):
    """Elements that are at hand.

    Args:
        items: The elements.
        source: Where they are from, which says what they are like.
    """

    def __init__(self, items: list[Any], source: Node) -> None:
        super().__init__()
        self.items, self._source = items, source

    def stream(self) -> TableStream:
        """Begin a pass."""
        return TableStream(self)

    def table(self) -> ListNode:
        """Return itself."""
        return self

    def length(self) -> int:
        """Return how many there are."""
        return len(self.items)

    def make_spec(self) -> Any:
        """Return the spec of where they are from."""
        return self._source.element_spec

    def __len__(self) -> int:
        return len(self.items)

    def row(self, number: int) -> Any:
        """Return an element."""
        return self.items[number]

    def rows(self, begin: int, end: int) -> Any:
        """Return elements as rows."""
        return elements.stack(self.items[begin:end])

    def gather(self, indices: Any) -> Any:
        """Return elements of any numbers as rows."""
        return elements.stack([self.items[int(i)] for i in indices])


class WindowNode(Node):
    """Windows that move over the elements.

    Args:
        source: Whose elements.
        size: How many elements a window has.
        shift: How far the next one begins; None for `size`.
        stride: The distance of a window's elements.
        drop_remainder: Whether windows of fewer elements are left out.
        make: Makes a dataset of a node.
    """

    def __init__(
        self,
        source: Node,
        size: int,
        shift: int | None,
        stride: int,
        drop_remainder: bool,
        make: Callable[[Node], Any],
    ) -> None:
        super().__init__(source)
        self.size = positive(size, "size", "window")
        self.shift = self.size if shift is None else positive(shift, "shift", "window")
        self.stride = positive(stride, "stride", "window")
        self.drop_remainder, self.make = bool(drop_remainder), make

    def stream(self) -> WindowStream:
        """Begin a pass."""
        return WindowStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Return how many windows there are."""
        reach = (self.size - 1) * self.stride + 1

        def count(n: int) -> int:
            if self.drop_remainder:
                return max(0, (n - reach) // self.shift + 1) if n >= reach else 0
            return -(-n // self.shift)

        return scaled(self.inputs[0].length(), count)

    def make_spec(self) -> Any:
        """Return the spec of windows: datasets, in the structure of an element."""
        return elements.mapped(DatasetSpec, self.inputs[0].element_spec)


class WindowStream(Derived):
    """A pass over windows."""

    kind = "window"

    def __init__(self, node: WindowNode, source: Stream) -> None:
        super().__init__(source)
        self._node = node
        self._begin(source.state())

    def _begin(self, base: dict[str, Any]) -> None:
        self._base, self._at = base, 0
        self._held: list[Any] = []
        self._ended = False
        self._gap = 0  # elements between the last window and the next

    def __next__(self) -> Any:
        node = self._node
        reach = (node.size - 1) * node.stride + 1
        if self._gap:
            self._ended |= self._input.advance(self._gap) < self._gap
            self._gap = 0
        while len(self._held) < reach and not self._ended:
            try:
                self._held.append(next(self._input))
            except StopIteration:
                self._ended = True
        found = self._held[: reach : node.stride]
        if not found or (node.drop_remainder and len(found) < node.size):
            raise StopIteration
        self._gap = max(0, node.shift - len(self._held)) if not self._ended else 0
        self._held = self._held[node.shift :]
        self._at += 1
        return self._windows(found)

    def _windows(self, found: list[Any]) -> Any:
        source = self._node.inputs[0]
        structure = found[0]
        if not isinstance(structure, tuple | dict):
            return self._node.make(ListNode(found, source))
        columns = elements.zipped(_Parts, found)
        return elements.mapped(lambda parts: self._node.make(_columns(parts)), columns)

    def state(self) -> dict[str, Any]:
        """Return the position; the window's elements are made again."""
        return {"kind": self.kind, "at": self._at, "input": self._base}

    def restore(self, state: dict[str, Any]) -> None:
        """Make the window's elements again."""
        base = self.check(state)["input"]
        self._input.restore(base)
        self._begin(base)
        at = int(state["at"])
        if at:
            self._gap = 0
            gone = self._input.advance(at * self._node.shift)
            self._ended = gone < at * self._node.shift
            self._at = at


class _Parts:
    """The leaves of one place in a window's elements."""

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts


def _columns(parts: _Parts) -> ListNode:
    return ListNode(parts.parts, _Like(parts.parts[0]))


class _Like(Node):
    """Stands for where a column is from."""

    def __init__(self, element: Any) -> None:
        super().__init__()
        self._element = element

    def make_spec(self) -> Any:
        """Return the spec of an element of it."""
        from penstock_keras_api.data.spec import spec_of

        return spec_of(self._element)


class GroupNode(Node):
    """Windows of elements that have one key, each made a dataset of.

    Args:
        source: Whose elements.
        key_of: Returns an element's key, a whole number.
        reduce: Makes a dataset of a key and a window, which is a dataset too.
        size: How many elements a window has; None if `size_of` says.
        size_of: Returns the number for a key.
        make: Makes a dataset of a node.

    Raises:
        InvalidValueError: Not one of `size` and `size_of` is given.
    """

    def __init__(
        self,
        source: Node,
        key_of: Callable[..., Any],
        reduce: Callable[..., Any],
        size: int | None,
        size_of: Callable[..., Any] | None,
        make: Callable[[Node], Any],
    ) -> None:
        super().__init__(source)
        if (size is None) == (size_of is None):
            raise InvalidValueError(
                "[group_by_window] give one of window_size=... and window_size_func=..."
            )
        self.key_of = UserFunction(key_of, "group_by_window")
        self.size = None if size is None else positive(size, "window_size", "group_by_window")
        self.reduce, self.size_of, self.make = reduce, size_of, make

    def stream(self) -> GroupStream:
        """Begin a pass."""
        return GroupStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Say that it is not known."""
        return UNKNOWN

    def make_spec(self) -> Any:
        """Return the spec of the first window's elements."""
        return self.peek_spec()

    def window_size(self, key: int) -> int:
        """Return how many elements a window of a key has."""
        if self.size is not None:
            return self.size
        assert self.size_of is not None
        return int(np.asarray(self.size_of(elements.as_tensor(np.int64(key)))))

    def reduced(self, key: int, window: list[Any]) -> Node:
        """Make a dataset of a window.

        Raises:
            InvalidTypeError: The function returned something else.
        """
        data = self.make(ListNode(window, self.inputs[0]))
        made = self.reduce(elements.as_tensor(np.int64(key)), data)
        if not hasattr(made, "_node"):
            raise InvalidTypeError(
                f"[group_by_window] reduce_func returned {type(made).__name__}; expected a Dataset, such as window.batch(n)"
            )
        return made._node  # type: ignore[no-any-return]


class GroupStream(Derived):
    """A pass over windows of elements that have one key."""

    kind = "group_by_window"

    def __init__(self, node: GroupNode, source: Stream) -> None:
        super().__init__(source)
        self._node = node
        self._begin(source.state())

    def _begin(self, base: dict[str, Any]) -> None:
        self._base, self._at, self._pulled = base, 0, 0
        self._windows: dict[int, list[Any]] = {}
        self._ended = False
        self._now: Stream | None = None

    def __next__(self) -> Any:
        while True:
            if self._now is not None:
                try:
                    element = next(self._now)
                except StopIteration:
                    self._now = None
                else:
                    self._at += 1
                    return element
            self._pull()

    def _pull(self) -> None:
        if not self._ended:
            try:
                element = next(self._input)
            except StopIteration:
                self._ended = True
                return
            key = int(np.asarray(elements.as_array(self._node.key_of(element, self._pulled))))
            self._pulled += 1
            window = self._windows.setdefault(key, [])
            window.append(element)
            if len(window) < self._node.window_size(key):
                return
        elif self._windows:
            key = next(iter(self._windows))
        else:
            raise StopIteration
        self._now = self._node.reduced(key, self._windows.pop(key)).stream()

    def state(self) -> dict[str, Any]:
        """Return the position; windows are filled again."""
        return {"kind": self.kind, "at": self._at, "input": self._base}

    def restore(self, state: dict[str, Any]) -> None:
        """Fill windows again."""
        base = self.check(state)["input"]
        self._input.restore(base)
        self._begin(base)
        self.advance(int(state["at"]))
