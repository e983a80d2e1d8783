"""Opening `.keras` files, which are zip archives, without trusting them."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Final

from penstock.errors import FormatError
from penstock_formats.keras._problems import damaged, problem

_MOST_FILES: Final = 10_000
_MOST_TEXT: Final = 64 << 20
_MOST_PACKED: Final = 1100
_MOST_BYTES: Final = 64 << 30


@dataclass
class Archive:
    """What a `.keras` file holds."""

    config: bytes
    metadata: bytes
    weights: bytes
    assets: Mapping[str, bytes]


def read_archive(file: IO[bytes], what: str) -> Archive:
    """Read all members of a `.keras` file that a model needs.

    Raises:
        FormatError: It is no zip file, it is damaged, or a member leads out of it or claims too much.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = _checked(archive, file.seek(0, io.SEEK_END), what)
            if "config.json" not in members:
                raise damaged(f"{what} holds no config.json")
            weights = members.get("model.weights.h5")
            return Archive(
                _read(archive, members["config.json"], _MOST_TEXT),
                _read(archive, members["metadata.json"], _MOST_TEXT)
                if "metadata.json" in members
                else b"{}",
                b"" if weights is None else _read(archive, weights, _MOST_BYTES),
                {
                    name: _read(archive, info, _MOST_TEXT)
                    for name, info in members.items()
                    if name.startswith("assets/") and not info.is_dir()
                },
            )
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as e:
        if isinstance(e, FormatError):
            raise
        raise damaged(f"{what} is a damaged zip archive ({e})") from e


def _checked(archive: zipfile.ZipFile, size: int, what: str) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > _MOST_FILES:
        raise damaged(f"{what} holds {len(infos):,} files")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename:
            raise problem(
                f"{what} holds a file that would lie outside, {info.filename!r:.80}",
                "do not trust it",
            )
        if info.compress_size > size:
            raise damaged(f"{info.filename!r:.80} in {what} claims {info.compress_size:,} bytes")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise problem(f"{what} holds a link, {info.filename!r:.80}", "do not trust it")
        if info.filename in found:
            raise damaged(f"{what} holds {info.filename!r:.80} twice")
        found[info.filename] = info
    return found


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """Read a member, and not a byte more than it claims and than packing allows."""
    if info.file_size > min(most, max(info.compress_size, 1) * _MOST_PACKED):
        raise damaged(f"{info.filename!r:.80} claims {info.file_size:,} bytes")
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise damaged(f"{info.filename!r:.80} has not the size that it claims")
    return data
