"""Files whose bytes are compressed, or not."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Any

from penstock.errors import FormatError, InvalidValueError

KINDS = ("", "GZIP", "ZLIB")
_READ = 1 << 20


def checked(compression: str | None, where: str) -> str:
    """Return the kind of compression in capitals.

    Raises:
        InvalidValueError: It is unknown.
    """
    kind = (compression or "").upper()
    if kind == "NONE":
        kind = ""
    if kind not in KINDS:
        raise InvalidValueError(
            f"[{where}] got compression={compression!r}; use '', 'GZIP' or 'ZLIB'"
        )
    return kind


class _Zlib:
    """A file that one zlib stream fills."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("rb")  # noqa: SIM115 - closed by close
        self._zlib = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size > 0 and not self._zlib.eof:
            packed = self._zlib.unconsumed_tail or self._file.read(_READ)
            if not packed:
                raise EOFError("the stream is cut off")
            parts.append(self._zlib.decompress(packed, size))
            size -= len(parts[-1])
        return b"".join(parts)

    def close(self) -> None:
        self._file.close()


class ByteSource:
    """The bytes of a file, decompressed, piece by piece.

    Args:
        path: The file.
        compression: "", "GZIP" or "ZLIB".

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], compression: str = "") -> None:
        self.path = os.fspath(path)
        self._kind = compression
        self._file = self._open()

    def _open(self) -> Any:
        if self._kind == "GZIP":
            return gzip.open(self.path, "rb")
        return _Zlib(self.path) if self._kind == "ZLIB" else Path(self.path).open("rb", buffering=0)

    def read(self, size: int) -> bytes:
        """Return up to so many bytes; none at the end.

        Raises:
            FormatError: The file is not compressed so, or damaged.
        """
        try:
            return self._file.read(size)  # type: ignore[no-any-return]
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise FormatError(
                f"[records] {self.path} cannot be decompressed as {self._kind}: {error}; say which compression it has "
                "(compression_type='' for none), or copy the file again"
            ) from None

    def seek(self, offset: int) -> None:
        """Go to a byte; in a compressed file all before it are decompressed."""
        if not self._kind:
            self._file.seek(offset)
            return
        self.close()
        self._file = self._open()
        while offset > 0:
            offset -= len(self.read(min(offset, _READ)) or b" " * offset)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_for_writing(path: str | os.PathLike[str], compression: str) -> Any:
    """Open a file that compresses what is written."""
    if compression == "GZIP":
        return gzip.open(path, "wb")
    return _ZlibOut(path) if compression == "ZLIB" else Path(path).open("wb")


class _ZlibOut:
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = Path(path).open("wb")  # noqa: SIM115 - closed by close
        self._zlib = zlib.compressobj()

    def write(self, data: bytes) -> None:
        self._file.write(self._zlib.compress(data))

    def flush(self) -> None:
        self._file.write(self._zlib.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def close(self) -> None:
        self._file.write(self._zlib.flush())
        self._file.close()
