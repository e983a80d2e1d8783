"""`RecordWriter`: writes TFRecord files."""

from __future__ import annotations

import os
import struct
from types import TracebackType
from typing import Any

from penstock import _native
from penstock._records.compression import checked, open_for_writing
from penstock.errors import InvalidTypeError


class RecordWriter:
    """Writes a TFRecord file.

    Args:
        path: The file; what stood in it is lost.
        compression: "", "GZIP" or "ZLIB".

    Raises:
        OSError: The file cannot be written.
        InvalidValueError: The compression is unknown.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
        >>> with penstock.records.RecordWriter(path, "GZIP") as out:
        ...     out.write(b"one")
        >>> list(penstock.records.RecordReader(path, "GZIP"))
        [b'one']
    """

    def __init__(self, path: str | os.PathLike[str], compression: str | None = "") -> None:
        self._file: Any = open_for_writing(path, checked(compression, "RecordWriter"))

    def write(self, record: bytes) -> None:
        """Write a record.

        Raises:
            InvalidTypeError: It is no bytes.
            OSError: It cannot be written.
        """
        if not isinstance(record, bytes | bytearray | memoryview):
            raise InvalidTypeError(
                f"[RecordWriter] got {type(record).__name__}; a record is bytes: use make_example(...) or text.encode()"
            )
        length = struct.pack("<Q", len(record))
        self._file.write(length + struct.pack("<I", _native.masked_crc32c(length)))
        self._file.write(record)
        self._file.write(struct.pack("<I", _native.masked_crc32c(record)))

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._file.flush()

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
