"""A folder for each class: pictures, sounds or texts."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from penstock.errors import FormatError
from penstock_models.data.examples import Kind
from penstock_models.data.files import FOREIGN, kind_of, subfolders, walk
from penstock_models.data.found import PARTS, Found, Part
from penstock_models.data.text_files import read_text

WORDS = {"image": "pictures", "audio": "sounds", "text": "texts"}


def read_class_folders(folder: Path) -> Found:
    """Read `class/photo.jpg`, or the same below `train`, `val` and `test`.

    Args:
        folder: The folder.

    Returns:
        The files, each with its folder's name for a label.

    Raises:
        FormatError: There are no such files, or they lie in no folder of a class.
    """
    files = list(walk(folder))
    kind = _main_kind(files, folder)
    found = Found(kind)
    inner = _unwrapped(folder, kind)
    if inner != folder:
        found.notes.append(f"The classes are the folders in {inner.relative_to(folder)}.")
    for base, part in _parts(inner, kind):
        for path in walk(base):
            _add(found, path, base, part, folder)
    if not found.inputs:
        raise FormatError(_no_classes(folder, kind))
    return found


def _add(found: Found, path: Path, base: Path, part: Part | None, folder: Path) -> None:
    name = path.relative_to(folder).as_posix()
    inside = path.relative_to(base).parts
    word = inside[0] if len(inside) > 1 else _word(path) if found.kind == "audio" else ""
    if kind_of(path) != found.kind:
        found.skip(name, FOREIGN.get(path.suffix.lower(), f"not one of the {WORDS[found.kind]}"))
    elif not word:
        found.skip(name, "it lies beside the classes' folders, so that nothing says its class")
    else:
        given = read_text(path, found.notes) if found.kind == "text" else path
        found.add(given, word, name, part)


def _word(path: Path) -> str:
    """Return what a clip's name says was spoken: yes.wav, yes_2.wav."""
    return re.sub(r"[\W_]*\d*$", "", path.stem)


def _main_kind(files: list[Path], folder: Path) -> Kind:
    counts = Counter(kind for path in files if (kind := kind_of(path)))
    if not files:
        raise FormatError(
            f"[data] {folder} is empty; put a folder for each class there, with its pictures inside"
        )
    if not counts:
        kinds = ", ".join(sorted({path.suffix.lower() or path.name for path in files})[:6])
        raise FormatError(
            f"[data] {folder} holds no pictures (.jpg, .png), sounds (.wav) or tables (.csv, .tsv), only {kinds}; give "
            "a folder with a folder for each class, or a table with a column for texts and one for labels"
        )
    # Texts are often only notes beside the pictures.
    return max(counts, key=lambda kind: (kind != "text", counts[kind]))


def _unwrapped(folder: Path, kind: Kind) -> Path:
    """Go down where all that there is lies in one folder that has folders itself: what archives often are."""
    below = subfolders(folder)
    own = any(kind_of(path) == kind for path in folder.iterdir() if path.is_file())
    if len(below) == 1 and not own and below[0].name.lower() not in PARTS and subfolders(below[0]):
        return _unwrapped(below[0], kind)
    return folder


def _parts(folder: Path, kind: Kind) -> list[tuple[Path, Part | None]]:
    below = [p for p in subfolders(folder) if any(kind_of(path) == kind for path in walk(p))]
    named = [(path, PARTS.get(path.name.lower())) for path in below]
    if named and all(part for _, part in named) and any(part == "train" for _, part in named):
        return list(named)
    return [(folder, None)]


def _no_classes(folder: Path, kind: Kind) -> str:
    return (
        f"[data] the {WORDS[kind]} of {folder} lie in no folder of a class; make a folder for each class, such as "
        f"{folder.name}/daisy and {folder.name}/rose, and move them there"
    )
