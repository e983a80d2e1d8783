"""Finds the entry points of a group as importlib.metadata does, without the 50 ms that importing that takes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from penstock._dataclass import dataclass


@dataclass(frozen=True)
class Entry:
    """What one line of a distribution's `entry_points.txt` says.

    Args:
        name: On the left.
        value: On the right: a package, perhaps with an object in it.
        distribution: The name of the distribution.
        version: Its version.
    """

    name: str
    value: str
    distribution: str
    version: str


def entries(group: str) -> list[Entry]:
    """Return the entry points of a group; the first distribution of a name on the path counts, like the first module.

    Args:
        group: The section's name.

    Returns:
        What is found, in the order of the path.
    """
    if not _only_folders():
        return _asked(group)
    found: list[Entry] = []
    seen: set[str] = set()
    for folder in _metadata_folders():
        name = re.sub(r"[-_.]+", "-", folder.stem.partition("-")[0]).lower()
        if name not in seen:
            seen.add(name)
            found += _in_folder(folder, group)
    return found


def _only_folders() -> bool:
    """Whether nothing but folders can give distributions: no archive, no egg, and no finder of somebody else's."""
    if any(f is not PathFinder and hasattr(f, "find_distributions") for f in sys.meta_path):
        return False
    return not any(place.endswith(".egg") or Path(place).is_file() for place in _places())


def _places() -> list[str]:
    """The folders that modules are looked for in; Python passes over what is no text, too."""
    places: list[object] = [*sys.path]
    return [place for place in places if isinstance(place, str)]


def _asked(group: str) -> list[Entry]:
    from importlib.metadata import entry_points

    return [
        Entry(e.name, e.value, e.dist.name if e.dist else "?", e.dist.version if e.dist else "?")
        for e in entry_points(group=group)
    ]


def _metadata_folders() -> Iterator[Path]:
    for place in _places():
        try:
            yield from (f for f in Path(place).iterdir() if f.suffix in (".dist-info", ".egg-info"))
        except OSError:  # nothing there
            continue


def _in_folder(folder: Path, group: str) -> list[Entry]:
    text = _text(folder, "entry_points.txt")
    if f"[{group}]" not in text:
        return []
    head = _text(folder, "METADATA") or _text(folder, "PKG-INFO")
    facts = dict(re.findall(r"^(Name|Version): *(.+?) *$", head.partition("\n\n")[0], re.MULTILINE))
    distribution, version = facts.get("Name", "?"), facts.get("Version", "?")
    return [Entry(name, value, distribution, version) for name, value in _lines(text, group)]


def _lines(text: str, group: str) -> Iterator[tuple[str, str]]:
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{group}]"
        elif inside and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
