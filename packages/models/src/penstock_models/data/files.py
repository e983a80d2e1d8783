"""Which files of a folder are data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from penstock_models.data.examples import Kind

IMAGES = frozenset(
    [".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"]
)
SUFFIXES: dict[Kind, frozenset[str]] = {
    "image": IMAGES,
    "audio": frozenset((".wav",)),
    "text": frozenset((".txt",)),
}
# What people take for data of these kinds, and what to do about it.
FOREIGN = {
    ".heic": "a picture of a telephone: convert it to .jpg",
    ".mp3": "compressed sound: convert it to .wav",
    ".flac": "compressed sound: convert it to .wav",
    ".ogg": "compressed sound: convert it to .wav",
}
LITTER = frozenset(("__MACOSX", "Thumbs.db", "desktop.ini"))


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted; none that is hidden or an operating system's own."""
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_litter(name))
        yield from (Path(base) / name for name in sorted(files) if not _is_litter(name))


def subfolders(folder: Path) -> list[Path]:
    """Return a folder's own folders, sorted."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not _is_litter(p.name))


def kind_of(path: Path) -> Kind | None:
    """Return what a file's name says that it is; None for anything else."""
    suffix = path.suffix.lower()
    return next((kind for kind, suffixes in SUFFIXES.items() if suffix in suffixes), None)


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name in LITTER
