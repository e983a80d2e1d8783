"""The table in which a checkpoint's index lies: blocks of sorted keys, as in LevelDB."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from penstock_formats.tensorflow._problems import damaged, problem

_MAGIC: Final = 0xDB4775248B80FB57
_FOOTER: Final = 48
_POLYNOMIAL: Final = 0x82F63B78


def read_table(data: bytes, what: str) -> dict[bytes, bytes]:
    """Read all entries of a table.

    Args:
        data: The whole file.
        what: What messages call it.

    Returns:
        Values by key, in the order of the file.

    Raises:
        FormatError: It is no table, or it is damaged.
    """
    if len(data) < _FOOTER or struct.unpack("<Q", data[-8:])[0] != _MAGIC:
        raise damaged(f"{what} is no index of a checkpoint")
    footer = data[-_FOOTER:-8]
    _, at = _handle(footer, 0, what)
    index, _ = _handle(footer, at, what)
    found: dict[bytes, bytes] = {}
    seen = 0
    for _, value in _entries(_block(data, index, what), what):
        handle, _ = _handle(value, 0, what)
        seen += handle[1]
        if seen > len(data):
            raise damaged(f"{what} lists a block twice")
        found |= dict(_entries(_block(data, handle, what), what))
    return found


def _handle(data: bytes, at: int, what: str) -> tuple[tuple[int, int], int]:
    """Read where a block lies: offset and size."""
    offset, at = _varint(data, at, what)
    size, at = _varint(data, at, what)
    return (offset, size), at


def _varint(data: bytes, at: int, what: str) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(data):
            raise damaged(f"{what} ends inside a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise damaged(f"{what} holds a number of too many bytes")


def _block(data: bytes, handle: tuple[int, int], what: str) -> bytes:
    offset, size = handle
    end = offset + size
    if end + 5 > len(data) - _FOOTER:
        raise damaged(f"{what} has a block that ends behind its end")
    if data[end] != 0:
        raise problem(
            f"{what} is packed with snappy", "save the checkpoint with TensorFlow 1.4 or later"
        )
    (wanted,) = struct.unpack("<I", data[end + 1 : end + 5])
    found = crc32c(data[offset : end + 1])
    if wanted != (((found >> 15) | (found << 17)) + 0xA282EAD8) & 0xFFFFFFFF:
        raise damaged(f"a block of {what} has another checksum than the one it should have")
    return data[offset:end]


def _entries(block: bytes, what: str) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise damaged(f"{what} has a block of {len(block)} bytes")
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise damaged(f"{what} has a block of {restarts} restarts")
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at, what)
        fresh, at = _varint(block, at, what)
        length, at = _varint(block, at, what)
        if shared > len(key) or at + fresh + length > end:
            raise damaged(f"{what} has an entry that ends behind its block")
        key = key[:shared] + block[at : at + fresh]
        at += fresh
        yield key, block[at : at + length]
        at += length


def _crc_table() -> list[int]:
    rows = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (_POLYNOMIAL if n & 1 else 0)
        rows.append(n)
    return rows


_CRC: Final = _crc_table()


def crc32c(data: bytes) -> int:
    """Compute the checksum that the table's blocks have (Castagnoli's)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF
