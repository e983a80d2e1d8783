"""Boxes from Pascal VOC's annotations: an XML file for each picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from penstock.errors import FormatError
from penstock_models.data.boxes import Corners
from penstock_models.data.files import IMAGES, walk
from penstock_models.data.found import PARTS, Found, Part
from penstock_models.data.safe_xml import read_xml


def read_voc(folder: Path) -> Found:
    """Read a folder of pictures and annotations, in whichever subfolders they lie.

    Args:
        folder: The folder. ImageSets/Main, or folders called train, val and test, may say what is for what.

    Returns:
        The pictures with a list of (label, corners in pixels) and the size that the annotation claims.

    Raises:
        FormatError: No annotation fits a picture.
    """
    found = Found("detection")
    pictures = {
        path.relative_to(folder).as_posix(): path
        for path in walk(folder)
        if path.suffix.lower() in IMAGES
    }
    parts = _image_sets(folder)
    for path in walk(folder):
        if path.suffix.lower() != ".xml":
            continue
        name = path.relative_to(folder).as_posix()
        try:
            root = read_xml(path)
            picture = _picture(root, path, folder, pictures)
            things = [_thing(element) for element in root.iter("object")]
        except FormatError as error:
            found.skip(name, str(error))
            continue
        part = parts.get(path.stem) or _part_of(path, folder)
        found.add(pictures[picture], (things, _size(root)), picture, part)
    if not found.inputs:
        why = f"; the first: {found.skipped[0].reason}" if found.skipped else ""
        raise FormatError(
            f"[data] none of the annotations in {folder} can be used{why}. Put pictures and annotations below one folder, "
            "with the same names"
        )
    return found


def _picture(root: Element, path: Path, folder: Path, pictures: Mapping[str, Path]) -> str:
    """Return the key of the picture that an annotation is about."""
    said = Path((root.findtext("filename") or "").replace("\\", "/")).name
    names = [said] if Path(said).suffix.lower() in IMAGES else []
    names += [path.stem + suffix for suffix in sorted(IMAGES)]
    names += [path.stem + suffix.upper() for suffix in sorted(IMAGES)]
    base = path.parent.relative_to(folder)
    for name in names:
        for place in _places(base):
            key = (place / name).as_posix()
            if key in pictures:
                return key
    raise FormatError(f"there is no picture {said or path.stem!r} in {folder}")


def _places(base: Path) -> list[Path]:
    around = [base, *list(base.parents)]
    return [place / sub for place in around for sub in ("", "images", "JPEGImages", "imgs")]


def _thing(element: Element) -> tuple[str, Corners]:
    label = (element.findtext("name") or "").strip()
    if not label:
        raise FormatError("an object has no name")
    sides = [element.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    try:
        left, top, right, bottom = (float(side or "") for side in sides)
    except ValueError:
        raise FormatError(
            f"the box of an object {label!r} has the corners {sides}; expected four numbers"
        ) from None
    return label, (left, top, right, bottom)


def _size(root: Element) -> tuple[float, float] | None:
    try:
        size = (
            float(root.findtext("size/width") or 0),
            float(root.findtext("size/height") or 0),
        )
    except ValueError:
        return None
    return size if min(size) > 0 else None


def _part_of(path: Path, folder: Path) -> Part | None:
    names = [name.lower() for name in path.relative_to(folder).parts[:-1]]
    return next((PARTS[name] for name in names if name in PARTS), None)


def _image_sets(folder: Path) -> dict[str, Part]:
    """Return which part each annotation belongs to by ImageSets/Main, if there is that."""
    parts: dict[str, Any] = {}
    for name in ("train", "val", "test"):
        path = folder / "ImageSets" / "Main" / f"{name}.txt"
        if path.is_file():
            stems = path.read_text("utf-8", errors="replace").split()
            parts |= dict.fromkeys(stems, PARTS[name])
    return parts
