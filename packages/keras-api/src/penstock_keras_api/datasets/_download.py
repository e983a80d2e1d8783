"""Download a file once: resumed where it broke off, with its progress, and kept only if its hash is right."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from penstock.errors import FormatError, PenstockError

_CHUNK = 1 << 18
_ATTEMPTS = 5
_RANGE_NOT_SATISFIABLE = 416


class DownloadError(PenstockError, OSError):
    """A file cannot be downloaded."""


def download(url: str, target: Path, digest: str | None, *, verbose: bool = True) -> Path:
    """Download a file, unless it is there.

    Bytes are collected in `<target>.part`, from which the next attempt goes on; the file appears under its own name
    only when it is whole and its hash is right.

    Args:
        url: Its address.
        target: Where it shall lie.
        digest: Its SHA-256, or its MD5 if it has 32 letters; None if nobody knows.
        verbose: Whether to draw a bar on a terminal.

    Returns:
        `target`.

    Raises:
        DownloadError: It cannot be had.
        FormatError: What came has another hash.
    """
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), disable=not verbose, transient=True) as bar:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if _receive(url, part, bar):
                    break
            except (OSError, HTTPException) as error:
                if attempt == _ATTEMPTS or isinstance(error, urllib.error.HTTPError):
                    raise DownloadError(
                        f"[download] {url} cannot be read: {error}; check the connection and try again (what has come "
                        f"is kept in {part}), or put the file into {target.parent} yourself"
                    ) from None
        else:
            raise DownloadError(
                f"[download] {url} broke off {_ATTEMPTS} times; try again, what has come is kept in {part}"
            )
    try:
        if digest is not None:
            check(part, digest, "download it again")
    except FormatError:
        part.unlink()  # or the next attempt would go on from wrong bytes
        raise
    part.replace(target)
    return target


def check(path: Path, digest: str, remedy: str) -> None:
    """Compare a file with its hash.

    Raises:
        FormatError: They differ.
    """
    algorithm = "md5" if len(digest) == 32 else "sha256"
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != digest:
        raise FormatError(
            f"[keras.datasets] {path} has the {algorithm} {found}; expected {digest}; {remedy}"
        )


def _receive(url: str, part: Path, bar: Progress) -> bool:
    """Append what is missing to a file; return whether it is whole."""
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        if have and error.code == _RANGE_NOT_SATISFIABLE:
            return True  # there is no more than we have; the hash will tell
        raise
    with answer:
        if have and answer.status != 206:  # the server cannot resume
            have = 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        task = bar.add_task(part.name.removesuffix(".part"), total=total, completed=have)
        with part.open("ab" if have else "wb") as file:
            have += _copy(answer, file, lambda n: bar.advance(task, n))
        bar.remove_task(task)
    return total is None or have >= total


def _copy(source: HTTPResponse, file: IO[bytes], tell: Callable[[int], None]) -> int:
    count = 0
    while chunk := source.read(_CHUNK):
        file.write(chunk)
        count += len(chunk)
        tell(len(chunk))
    return count
