"""`cache`: elements kept from the first whole pass on, in memory or in a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from penstock.records import RecordReader, RecordWriter
from penstock_keras_api.data import codec, elements
from penstock_keras_api.data.node import Node
from penstock_keras_api.data.stream import Stream


class CacheNode(Node):
    """Elements that are made once.

    Args:
        source: Whose elements.
        filename: The file to keep them in; "" for memory.
    """

    def __init__(self, source: Node, filename: str | os.PathLike[str] = "") -> None:
        super().__init__(source)
        self.filename = os.fspath(filename)
        self.items: list[Any] | None = None

    @property
    def path(self) -> str:
        """The file that holds all elements; it is there once they all were made."""
        return f"{self.filename}.elements"

    def stream(self) -> Stream:
        """Begin a pass."""
        return CacheStream(self)

    def table(self) -> Any:
        """Return the elements as a table, once they are in memory."""
        return None if self.items is None else ItemsTable(self.items)

    @property
    def complete(self) -> bool:
        """Whether all elements are kept."""
        return Path(self.path).exists() if self.filename else self.items is not None


class ItemsTable:
    """Elements in a list."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def row(self, number: int) -> Any:
        """Return an element."""
        return self._items[number]

    def rows(self, begin: int, end: int) -> Any:
        """Return elements as rows."""
        return elements.stack(self._items[begin:end])

    def gather(self, indices: Any) -> Any:
        """Return elements of any numbers as rows."""
        return elements.stack([self._items[int(i)] for i in indices])


class CacheStream(Stream):
    """A pass over kept elements, or the pass that keeps them."""

    kind = "cache"

    def __init__(self, node: CacheNode) -> None:
        self._node = node
        self._at = 0
        self._input: Stream | None = None
        self._keeper: Any = None
        self._reader: RecordReader | None = None
        if not node.complete:
            self._input = node.inputs[0].stream()
            self._keeper = _File(node.path) if node.filename else []

    def __next__(self) -> Any:
        if self._input is None:
            return self._kept()
        try:
            element = next(self._input)
        except StopIteration:
            self._finish()
            raise
        self._at += 1
        if self._keeper is not None:
            self._keeper.append(element)
        return element

    def _kept(self) -> Any:
        if not self._node.filename:
            assert self._node.items is not None
            if self._at >= len(self._node.items):
                raise StopIteration
            self._at += 1
            return self._node.items[self._at - 1]
        if self._reader is None:
            self._reader = RecordReader(self._node.path)
            for _ in range(self._at):
                self._reader.read(1)
        found = self._reader.read(1)
        if not found.shape[0]:
            raise StopIteration
        self._at += 1
        return codec.decode(found[0].item())

    def _finish(self) -> None:
        if self._keeper is None:
            return
        if self._node.filename:
            self._keeper.publish()
        elif self._node.items is None:
            self._node.items = self._keeper
        self._keeper = None

    def advance(self, count: int) -> int:
        """Go over elements; they are made if they are not kept."""
        if self._input is None and not self._node.filename:
            assert self._node.items is not None
            gone = min(count, len(self._node.items) - self._at)
            self._at += gone
            return gone
        return super().advance(count)

    def state(self) -> dict[str, Any]:
        """Return the position."""
        inner = None if self._input is None else self._input.state()
        return {"kind": self.kind, "at": self._at, "input": inner}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position. A pass that goes on in the middle keeps nothing."""
        self.check(state)
        self.close()
        self._reader, self._keeper = None, None
        self._at = int(state["at"])
        if self._node.complete:
            self._input = None
        else:
            self._input = self._node.inputs[0].stream()
            if state["input"] is not None:
                self._input.restore(state["input"])
            else:
                self._input.advance(self._at)
            if not self._at:
                self._keeper = _File(self._node.path) if self._node.filename else []

    def close(self) -> None:
        """Close files, and drop what was not finished."""
        if isinstance(self._keeper, _File):
            self._keeper.drop()
            self._keeper = None
        if self._reader is not None:
            self._reader.close()
        if self._input is not None:
            self._input.close()


class _File:
    """A file of elements that appears when it is whole."""

    def __init__(self, path: str) -> None:
        self._path = path
        whole = Path(path).resolve()
        whole.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(".part", whole.name, whole.parent)
        os.close(handle)
        self._temporary = Path(name)
        self._writer = RecordWriter(self._temporary)

    def append(self, element: Any) -> None:
        self._writer.write(codec.encode(element))

    def publish(self) -> None:
        self._writer.close()
        self._temporary.replace(self._path)

    def drop(self) -> None:
        self._writer.close()
        self._temporary.unlink(missing_ok=True)
