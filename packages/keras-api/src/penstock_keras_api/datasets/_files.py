"""Find a file of a data set: in the mirror, in the caches, or, when asked, at its public address.

`PENSTOCK_MIRROR` names a folder with `datasets/<set>/<file>` and, if it has one, a MANIFEST.json that lists files with
their SHA-256; or an address that is laid out likewise. The cache is `$KERAS_HOME/datasets`, or `~/.penstock/datasets`;
what Keras keeps in `~/.keras/datasets` is read too.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

from penstock.errors import FormatError, InvalidValueError
from penstock_keras_api.datasets import _download
from penstock_keras_api.datasets._origins import Origin


class DatasetNotFoundError(InvalidValueError, FileNotFoundError):
    """A data set is not on this machine, and nobody asked to download it."""


def mirror() -> Path | None:
    """Return the folder that PENSTOCK_MIRROR names; None if it is unset or an address."""
    given = os.environ.get("PENSTOCK_MIRROR", "").strip()
    return None if not given or _is_address(given) else Path(given).expanduser()


def cache_folder() -> Path:
    """Return the folder into which data sets are downloaded."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".penstock") / "datasets"


def fetch(origin: Origin, *, path: str | None = None, download: bool = False) -> Path:
    """Return where a file of a public data set lies, downloading it if asked.

    Args:
        origin: The file.
        path: Another name for it in the cache, or the path of a file to read instead.
        download: Whether it may be downloaded; PENSTOCK_DOWNLOAD=1 says so for a whole program.

    Returns:
        An existing path.

    Raises:
        DatasetNotFoundError: It is nowhere, and was not to be downloaded.
        FormatError: What lies in the mirror, or was downloaded, has another SHA-256.
    """
    name = path or origin.name
    if Path(name).is_absolute():
        if Path(name).is_file():
            return Path(name)
        raise DatasetNotFoundError(
            f"[keras.datasets] there is no file {name}; give the path of a copy of {origin.url}"
        )
    found = find(origin.folder, origin.name) or _cached(origin, name)
    if found is not None:
        return found
    target = cache_folder() / _cache_name(origin, name)
    if download or os.environ.get("PENSTOCK_DOWNLOAD", "").strip() == "1":
        return _download.download(_address(origin), target, origin.sha256)
    raise DatasetNotFoundError(
        f"[keras.datasets] {origin.name} is not on this machine; expected it in "
        f"$PENSTOCK_MIRROR/datasets/{origin.folder} or as {target}; to fetch it from {origin.url} give download=True, "
        "or set PENSTOCK_DOWNLOAD=1"
    )


def find(folder: str, name: str) -> Path | None:
    """Return where a file lies in the mirror, checked against its manifest; None if it has none."""
    root = mirror()
    if root is None:
        return None
    path = root / "datasets" / folder / name
    if not path.is_file():
        return None
    digest = _manifest(root).get(f"datasets/{folder}/{name}")
    if digest is not None:
        _download.check(path, digest, "fetch the file again, or mend the mirror's MANIFEST.json")
    return path


def local(folder: str, name: str) -> Path:
    """Return where a file lies that only mirrors have.

    Raises:
        DatasetNotFoundError: There is no mirror, or it lacks the file.
        FormatError: It has another SHA-256 than the mirror's manifest says.
    """
    found = find(folder, name)
    if found is None:
        raise DatasetNotFoundError(_advice(f"{folder}/{name}"))
    return found


def local_folder(folder: str) -> Path:
    """Return a folder of a set that only mirrors have.

    Raises:
        DatasetNotFoundError: There is no mirror, or it lacks the folder.
    """
    root = mirror()
    path = None if root is None else root / "datasets" / folder
    if path is None or not path.is_dir():
        raise DatasetNotFoundError(_advice(folder))
    return path


def _advice(what: str) -> str:
    root = mirror()
    seen = f"PENSTOCK_MIRROR is {root}" if root is not None else "PENSTOCK_MIRROR names no folder"
    return (
        f"[keras.datasets] there is no datasets/{what}: {seen}; "
        f"set PENSTOCK_MIRROR to a folder that has datasets/{what}"
    )


def _cached(origin: Origin, name: str) -> Path | None:
    folders = [cache_folder()]
    if not os.environ.get("KERAS_HOME"):
        folders.append(Path.home() / ".keras" / "datasets")
    paths = [folder / _cache_name(origin, name) for folder in folders]
    return next((path for path in paths if path.is_file()), None)


def _cache_name(origin: Origin, name: str) -> str:
    # Files that several sets have by one name lie in a folder each.
    return f"{origin.folder}/{name}" if "idx" in name else name


def _address(origin: Origin) -> str:
    given = os.environ.get("PENSTOCK_MIRROR", "").strip()
    if _is_address(given):
        return f"{given.rstrip('/')}/datasets/{origin.folder}/{origin.name}"
    return origin.url


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _manifest(root: Path) -> dict[str, str]:
    path = root / "MANIFEST.json"
    return _read_manifest(path, path.stat().st_mtime_ns) if path.is_file() else {}


@functools.cache
def _read_manifest(path: Path, _modified: int) -> dict[str, str]:
    try:
        entries = json.loads(path.read_text("utf-8"))
        return {file["path"]: file["sha256"] for entry in entries for file in entry["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"[keras.datasets] {path} is no manifest ({error!r}); expected a list of entries, each with files that "
            "have a path and a sha256; mend it or remove it"
        ) from None
