"""`RecordReader`: the records of a TFRecord file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType

from penstock import _native
from penstock._native import Tensor
from penstock._records.compression import ByteSource, checked
from penstock.errors import FormatError

_CHUNK = 1 << 20
_PROBLEMS = {
    1: "its length does not match its checksum",
    2: "its bytes do not match their checksum",
}


class RecordReader:
    """Reads a TFRecord file.

    Args:
        path: The file.
        compression: "", "GZIP" or "ZLIB".
        verify: Whether checksums are looked at.

    Raises:
        OSError: The file cannot be opened.
        InvalidValueError: The compression is unknown.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
        >>> with penstock.records.RecordWriter(path) as out:
        ...     out.write(b"one")
        >>> list(penstock.records.RecordReader(path))
        [b'one']
    """

    def __init__(
        self, path: str | os.PathLike[str], compression: str | None = "", verify: bool = True
    ) -> None:
        self.path = os.fspath(path)
        self.verify = bool(verify)
        self._source = ByteSource(path, checked(compression, "RecordReader"))
        self._buffer = b""
        self._begin = 0  # of what is unread in the buffer
        self._base = 0  # of the buffer in the file
        self._number = 0
        self._ended = False

    @property
    def number(self) -> int:
        """How many records were read."""
        return self._number

    @property
    def offset(self) -> int:
        """The byte at which the next record begins, in the decompressed file."""
        return self._base + self._begin

    def seek(self, offset: int, number: int) -> None:
        """Go to a record.

        Args:
            offset: What `offset` was there.
            number: What `number` was there.
        """
        self._source.seek(offset)
        self._buffer, self._begin, self._base = b"", 0, offset
        self._number, self._ended = number, False

    def read(self, most: int) -> Tensor:
        """Read some records.

        Args:
            most: How many at most.

        Returns:
            [n], string: n is less than `most` at the end of the file, or at the end of what lies in memory; 0 only at
            the end of the file.

        Raises:
            FormatError: A record is damaged or cut off. The next call goes on behind it, if that can be found.
        """
        while True:
            found, end, needed, problem = _native.read_records(
                self._buffer, self._begin, most, self.verify
            )
            count = int(found.shape[0])
            self._number += count
            self._begin = end
            if count:
                return found
            if problem:
                self._tell(problem, needed)
            if not self._fill(needed):
                return found

    def _fill(self, needed: int) -> bool:
        """Read on, until the next record is there; whether there is one."""
        left = self._buffer[self._begin :]
        self._base += self._begin
        self._begin = 0
        parts, have = [left], len(left)
        while have < needed:
            part = self._source.read(max(_CHUNK, needed - have))
            if not part:
                break
            parts.append(part)
            have += len(part)
        self._buffer = b"".join(parts)
        if have == len(left) and have:
            self._buffer, self._base = b"", self._base + have
            raise FormatError(
                f"[records] {self.path} ends within record {self._number}, which begins at byte {self._base - have}; copy "
                "the file again, or use ignore_errors to go without it"
            )
        return have > 0

    def _tell(self, problem: int, needed: int) -> None:
        begin, number = self.offset, self._number
        if problem == 2:  # its length is known
            self._begin += needed
            self._number += 1
        else:
            self._buffer, self._base, self._begin = b"", begin, 0
            while self._source.read(_CHUNK):
                pass
        raise FormatError(
            f"[records] {self.path}: record {number}, which begins at byte {begin}, is damaged: {_PROBLEMS[problem]}; copy "
            "the file again, say which compression it has, or use ignore_errors to go without it"
        )

    def __iter__(self) -> Iterator[bytes]:
        try:
            while (found := self.read(256)).shape[0]:
                yield from _native.strings_of(found)
        finally:
            self.close()

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def __enter__(self) -> RecordReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
