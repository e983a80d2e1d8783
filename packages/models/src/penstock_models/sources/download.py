"""Downloads: into the cache, whole or not at all, going on where they were interrupted."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from penstock.errors import FormatError

CACHE, OFFLINE = "PENSTOCK_CACHE", "PENSTOCK_OFFLINE"
CHUNK = 1 << 20


def cache_folder() -> Path:
    """Return where downloaded files are kept: what PENSTOCK_CACHE says, or a folder in the user's cache."""
    given = os.environ.get(CACHE)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "penstock" / "presets"


def is_offline() -> bool:
    """Return whether PENSTOCK_OFFLINE forbids downloads."""
    return os.environ.get(OFFLINE, "0") not in ("", "0")


def download(url: str, path: Path, sha256: str) -> Path | None:
    """Fetch a file to a path; None when PENSTOCK_OFFLINE forbids it.

    Args:
        url: http or https.
        path: Where the file will be; what arrived so far lies beside it, so that the next call goes on there.
        sha256: What the file's hash must be.

    Returns:
        The path.

    Raises:
        FormatError: The address is not http(s), the server does not give the file, or the hash is another.
    """
    if is_offline():
        return None
    if not url.startswith(("http://", "https://")):
        raise FormatError(f"[download] got {url!r}; only http and https addresses are fetched")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    if not part.exists() or sha256_of(part) != sha256:  # it may be whole, and only not yet in place
        _fetch(url, part)
    found = sha256_of(part)
    if found != sha256:
        part.unlink()
        raise FormatError(
            f"[download] {url} gave a file with the sha256 {found[:12]}..., expected {sha256[:12]}...; it was "
            "removed. Try again; if it happens again, the file there has changed"
        )
    part.replace(path)
    return path


def sha256_of(path: Path) -> str:
    """Return a file's hash, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fetch(url: str, part: Path) -> None:
    """Append to what has arrived; a server that cannot go on gives all of it once more."""
    from rich.progress import Progress

    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer, Progress(transient=True) as bar:
            going_on = have and answer.status == 206
            total = int(answer.headers.get("Content-Length", 0)) + (have if going_on else 0)
            task = bar.add_task(url.rpartition("/")[2], total=total or None)
            with part.open("ab" if going_on else "wb") as file:
                bar.update(task, completed=have if going_on else 0)
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    bar.advance(task, len(chunk))
            if part.stat().st_size < total:  # a connection that ends early is no error to urllib
                raise ConnectionError(f"it ended after {part.stat().st_size} of {total} bytes")
    except (
        urllib.error.URLError,
        TimeoutError,
        ConnectionError,
        http.client.HTTPException,
    ) as error:
        if getattr(error, "code", None) == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()  # longer than the file there, which is another one now
            return _fetch(url, part)
        raise FormatError(
            f"[download] {url} could not be fetched: {error}; what arrived is kept, so type the same again to go on"
        ) from None
