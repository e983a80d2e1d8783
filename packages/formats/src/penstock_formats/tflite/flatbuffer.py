"""FlatBuffers, read with every offset checked: a table is known by its place, its fields by their numbers.

A file may point to the same bytes from many places, so a small one could ask for a lot of work. `Buffer` counts what
vectors hold and stops at a few times the file's size.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from penstock.errors import FormatError

_WORK_FACTOR = 4
_WORK_FREE = 1 << 20


class Buffer:
    """Bytes of a file, and how much of them was read.

    Args:
        data: The bytes.
        format: The format's name, for errors.
    """

    def __init__(self, data: bytes | memoryview, format: str) -> None:
        self.data = memoryview(data)
        self.format = format
        self.budget = _WORK_FACTOR * len(self.data) + _WORK_FREE

    def damaged(self, what: str) -> FormatError:
        """Make the error for a damaged file."""
        return FormatError(
            f"[{self.format}] {what}; expected offsets and sizes inside the file's {len(self.data):,} bytes; the file is "
            "truncated or damaged: get it again"
        )

    def number(self, kind: str, at: int) -> Any:
        """Read one number; `kind` is a letter of `struct`."""
        size = struct.calcsize("<" + kind)
        if not 0 <= at <= len(self.data) - size:
            raise self.damaged(f"a number lies at byte {at}")
        return struct.unpack_from("<" + kind, self.data, at)[0]

    def target(self, at: int) -> int:
        """Follow the offset that lies at a place."""
        offset = self.number("I", at)
        if offset == 0 or at + offset > len(self.data):
            raise self.damaged(f"an offset at byte {at} leads to byte {at + offset}")
        return at + int(offset)

    def span(self, at: int, item: int) -> tuple[int, int]:
        """Return first byte and number of items of a vector whose items have `item` bytes."""
        count = self.number("I", at)
        size = count * item
        if at + 4 + size > len(self.data):
            raise self.damaged(f"a vector at byte {at} has {count:,} items")
        self.budget -= size + 4
        if self.budget < 0:
            raise self.damaged("the same bytes are used again and again")
        return at + 4, int(count)

    def root(self) -> Table:
        """Return the table that the file begins with."""
        return Table(self, self.target(0))


class Table:
    """A table: fields by number, each of them optional.

    Args:
        buffer: Where it lies.
        at: Its first byte.
    """

    def __init__(self, buffer: Buffer, at: int) -> None:
        self.buffer, self.at = buffer, at
        vtable = at - buffer.number("i", at)
        size = buffer.number("H", vtable) if vtable >= 0 else 0
        self.size = int(buffer.number("H", vtable + 2)) if vtable >= 0 else 0
        if size < 4 or size % 2 or vtable + size > len(buffer.data):
            raise buffer.damaged(f"the table at byte {at} has no valid list of fields")
        if self.size < 4 or at + self.size > len(buffer.data):
            raise buffer.damaged(f"the table at byte {at} has {self.size} bytes")
        self.vtable, self.slots = vtable, (size - 4) // 2

    def place(self, slot: int) -> int | None:
        """Return the byte at which a field lies, or None if the table has none."""
        if slot >= self.slots:
            return None
        offset = self.buffer.number("H", self.vtable + 4 + 2 * slot)
        if offset == 0:
            return None
        if offset < 4 or offset >= self.size:
            raise self.buffer.damaged(f"field {slot} of the table at byte {self.at} lies outside")
        return self.at + int(offset)

    def number(self, slot: int, kind: str, default: Any = 0) -> Any:
        """Return a field that is a number."""
        at = self.place(slot)
        return default if at is None else self.buffer.number(kind, at)

    def table(self, slot: int) -> Table | None:
        """Return a field that is a table."""
        at = self.place(slot)
        return None if at is None else Table(self.buffer, self.buffer.target(at))

    def text(self, slot: int) -> str:
        """Return a field that is text."""
        at = self.place(slot)
        if at is None:
            return ""
        begin, count = self.buffer.span(self.buffer.target(at), 1)
        return bytes(self.buffer.data[begin : begin + count]).decode("utf-8", "replace")

    def numbers(self, slot: int, dtype: str) -> np.ndarray[Any, Any] | None:
        """Return a field that is a vector of numbers, without a copy; None if there is none."""
        at = self.place(slot)
        if at is None:
            return None
        kind = np.dtype(dtype).newbyteorder("<")
        begin, count = self.buffer.span(self.buffer.target(at), kind.itemsize)
        return np.frombuffer(self.buffer.data, kind, count, begin)

    def tables(self, slot: int) -> list[Table]:
        """Return a field that is a vector of tables."""
        at = self.place(slot)
        if at is None:
            return []
        begin, count = self.buffer.span(self.buffer.target(at), 4)
        return [Table(self.buffer, self.buffer.target(begin + 4 * i)) for i in range(count)]
