"""FlexBuffers as far as options of custom ops need them: a map of names to single numbers and short texts."""

from __future__ import annotations

import struct
from typing import Any

from penstock.errors import FormatError

_INT, _UINT, _FLOAT, _STRING, _MAP, _BOOL = 1, 2, 3, 5, 9, 26
_INDIRECT = {6: "i", 7: "u", 8: "f"}
_LETTERS = {"i": "bhiq", "u": "BHIQ", "f": " efd"}
_MOST_ENTRIES = 1000


def read_map(data: bytes) -> dict[str, Any]:
    """Read a map of numbers and texts; other values are left out.

    Args:
        data: The bytes.

    Returns:
        The values by name.

    Raises:
        FormatError: The bytes are no such map.
    """
    try:
        return _Reader(data).root()
    except (IndexError, struct.error, ValueError) as error:
        raise FormatError(
            "[tflite] the options of a custom op are damaged; expected a map of names and numbers; get the file again"
        ) from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def number(self, kind: str, at: int, width: int) -> Any:
        if at < 0 or width not in (1, 2, 4, 8):
            raise IndexError(at)
        letter = _LETTERS[kind][(1, 2, 4, 8).index(width)]
        return struct.unpack_from("<" + letter, self.data, at)[0]

    def target(self, at: int, width: int) -> int:
        return at - int(self.number("u", at, width))

    def text(self, at: int) -> str:
        return self.data[at : self.data.index(b"\0", at)].decode("utf-8", "replace")

    def root(self) -> dict[str, Any]:
        width, packed = self.data[-1], self.data[-2]
        if packed >> 2 != _MAP:
            raise ValueError("no map")
        return self.map(self.target(len(self.data) - 2 - width, width), 1 << (packed & 3))

    def map(self, at: int, width: int) -> dict[str, Any]:
        size = int(self.number("u", at - width, width))
        if size > _MOST_ENTRIES:
            raise ValueError("too many entries")
        keys = self.target(at - 3 * width, width)
        key_width = int(self.number("u", at - 2 * width, width))
        made = {}
        for i in range(size):
            name = self.text(self.target(keys + i * key_width, key_width))
            value = self.value(self.data[at + size * width + i], at + i * width, width)
            if value is not None:
                made[name] = value
        return made

    def value(self, packed: int, at: int, width: int) -> Any:
        kind, inner = packed >> 2, 1 << (packed & 3)
        if kind in (_INT, _UINT, _FLOAT, _BOOL):
            found = self.number({_INT: "i", _FLOAT: "f"}.get(kind, "u"), at, width)
            return bool(found) if kind == _BOOL else found
        if kind in _INDIRECT:
            return self.number(_INDIRECT[kind], self.target(at, width), inner)
        if kind == _STRING:
            begin = self.target(at, width)
            size = int(self.number("u", begin - inner, inner))
            return self.data[begin : begin + size].decode("utf-8", "replace")
        return None
