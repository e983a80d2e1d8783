"""Files: names that match patterns, lines of text, TFRecords."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock.records import RecordWriter
from penstock_keras_api.data import elements
from penstock_keras_api.data.node import UNKNOWN, Node
from penstock_keras_api.data.spec import TensorSpec
from penstock_keras_api.data.stream import Stream

_CHUNK = 1 << 18


def names_of(files: Any, where: str) -> list[str]:
    """List file names: one, several, a tensor of them, or a dataset of them.

    Raises:
        InvalidTypeError: It is none of these.
        InvalidValueError: There is none.
    """
    if isinstance(files, str | os.PathLike | bytes):
        found = [files]
    elif hasattr(files, "as_numpy_iterator"):
        found = list(files.as_numpy_iterator())
    else:
        try:
            found = np.asarray(elements.as_array(elements.from_user(files))).ravel().tolist()
        except (TypeError, ValueError):
            found = [os.fspath(f) for f in files]
    names = [os.fsdecode(name) for name in found]
    if not names:
        raise InvalidValueError(f"[{where}] got no file; give at least one name")
    return names


def matching(patterns: Any) -> list[str]:
    """List files that match patterns, in the order of their names.

    Raises:
        InvalidValueError: No file does.
    """
    names = names_of(patterns, "list_files")
    found = sorted({name for pattern in names for name in glob.glob(pattern)})  # noqa: PTH207 - patterns may be absolute
    if not found:
        raise InvalidValueError(
            f"[list_files] no file matches {names!r}; is the folder right? It is looked for from {Path.cwd()}"
        )
    return found


class FilesNode(Node):
    """Records of files, file after file.

    Args:
        files: Their names.
        reader: What reads one: made with a name and a compression.
        compression: How they are compressed.
        where: What to call it in errors.
    """

    def __init__(self, files: Sequence[str], reader: Any, compression: str, where: str) -> None:
        super().__init__()
        self.files, self.reader, self.compression = list(files), reader, compression
        self.where = where

    def stream(self) -> FilesStream:
        """Begin a pass."""
        return FilesStream(self)

    def length(self) -> int:
        """Say that it is not known."""
        return UNKNOWN

    def make_spec(self) -> Any:
        """Return the spec of a string."""
        return TensorSpec((), "string")

    def open(self, number: int) -> Any:
        """Open a file.

        Raises:
            OSError: It cannot be opened.
            InvalidTypeError: It is a folder.
        """
        name = self.files[number]
        if Path(name).is_dir():
            raise InvalidTypeError(
                f"[{self.where}] {name} is a folder; give files, or list_files(pattern)"
            )
        return self.reader(name, self.compression)


class FilesStream(Stream):
    """A pass over the records of files."""

    kind = "files"
    has_rows = True

    def __init__(self, node: FilesNode) -> None:
        self._node = node
        self._number = 0
        self._reader: Any = None
        self._ready: list[bytes] = []  # read, in reverse
        self._mark = (0, 0)

    def __next__(self) -> Any:
        if not self._ready:
            _, found = self._read(64)
            if found is None:
                raise StopIteration
            self._ready = found.numpy().tolist() if hasattr(found, "numpy") else found.tolist()
            self._ready.reverse()
        return self._ready.pop()

    def rows(self, most: int) -> tuple[int, Any]:
        """Return records as rows, read in one go where they lie in one file."""
        if self._ready:
            return super().rows(most)
        parts: list[Any] = []
        count = 0
        while count < most:
            number, found = self._read(most - count)
            if found is None:
                break
            parts.append(found)
            count += number
        if len(parts) > 1:
            parts = [np.concatenate([np.asarray(elements.as_array(p)) for p in parts])]
        return count, parts[0] if parts else None

    def _read(self, most: int) -> tuple[int, Any]:
        """Read up to `most` records of the file at hand, or of the next one."""
        while self._number < len(self._node.files):
            if self._reader is None:
                self._reader = self._node.open(self._number)
            self._mark = (self._reader.offset, self._reader.number)
            found = self._reader.read(most)
            if count := int(found.shape[0]):
                return count, found
            self._reader.close()
            self._reader = None
            self._number += 1
        return 0, None

    def state(self) -> dict[str, Any]:
        """Return the position: a byte of a file, and how many records behind it."""
        if self._ready:
            ahead = self._reader.number - self._mark[1] - len(self._ready)
            where = [*self._mark, ahead]
        elif self._reader is not None:
            where = [self._reader.offset, self._reader.number, 0]
        else:
            where = [0, 0, 0]
        return {"kind": self.kind, "file": self._number, "where": where}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self.close()
        self._number = int(self.check(state)["file"])
        offset, number, ahead = state["where"]
        if self._number < len(self._node.files) and (offset or ahead):
            self._reader = self._node.open(self._number)
            self._reader.seek(offset, number)
        self.advance(ahead)

    def advance(self, count: int) -> int:
        """Go over records."""
        gone = min(count, len(self._ready))
        if gone:
            del self._ready[len(self._ready) - gone :]
        while gone < count:
            number, found = self._read(count - gone)
            if found is None:
                break
            gone += number
        return gone

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
        self._reader, self._ready = None, []


class LineReader:
    """Reads lines without their ends.

    Args:
        path: The file.
        compression: "", "GZIP" or "ZLIB".
        skip: How many lines to leave out at the beginning.
    """

    def __init__(self, path: str, compression: str = "", skip: int = 0) -> None:
        from penstock._records.compression import ByteSource, checked

        self.path = path
        self._source = ByteSource(path, checked(compression, "text_lines"))
        self._rest = b""
        self._lines: list[bytes] = []  # in reverse
        self.offset = self.number = 0
        self._ended = False
        self._skip = skip

    def read(self, most: int) -> Any:
        """Return up to `most` lines; none at the end."""
        while self._skip:
            self._skip -= 1
            if self._fill():
                self._pop(1)
        if not self._fill():
            return np.empty(0, object)
        return self._pop(most)

    def _fill(self) -> bool:
        while not self._lines and not self._ended:
            chunk = self._source.read(_CHUNK)
            if chunk:
                whole, end, rest = (self._rest + chunk).rpartition(b"\n")
                self._rest = rest
                self._lines = whole.split(b"\n")[::-1] if end else []
            else:
                self._ended = True
                self._lines = [self._rest] if self._rest else []
                self._rest = b""
        return bool(self._lines)

    def _pop(self, most: int) -> Any:
        found = self._lines[: -most - 1 : -1]
        del self._lines[-most:]
        self.number += len(found)
        self.offset += sum(map(len, found)) + len(found)
        rows = np.empty(len(found), object)
        rows[:] = [line.removesuffix(b"\r") for line in found]
        return rows

    def seek(self, offset: int, number: int) -> None:
        """Go to a line."""
        self._source.seek(offset)
        self.offset, self.number = offset, number
        self._rest, self._lines, self._ended, self._skip = b"", [], False, 0

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def write_records(stream: Stream, path: str, compression: str) -> int:
    """Write elements, which are strings, as a TFRecord file; return how many there were.

    Raises:
        InvalidTypeError: An element is no string.
    """
    count = 0
    with RecordWriter(path, compression) as out:
        for element in stream:
            record = element if isinstance(element, bytes) else elements.as_numpy(element)
            if not isinstance(record, bytes):
                raise InvalidTypeError(
                    f"[write_tfrecord] element {count} is {elements.outline(element)}; expected one string: map make_example "
                    "over the elements first"
                )
            out.write(record)
            count += 1
    return count
