"""Boxes from COCO's annotations: a JSON file for many pictures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.errors import FormatError
from penstock_models.data.boxes import Corners
from penstock_models.data.files import walk
from penstock_models.data.found import PARTS, Found, Part


def find_coco(folder: Path) -> list[Path]:
    """Return the JSON files below a folder that begin as COCO's annotations of boxes do."""
    return [path for path in walk(folder) if path.suffix.lower() == ".json" and _looks_so(path)]


def _looks_so(path: Path) -> bool:
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and {"images", "annotations", "categories"} <= set(data)


def read_coco(files: list[Path], folder: Path) -> Found:
    """Read annotations and the pictures that they name.

    Args:
        files: The JSON files; "train", "val" and "test" in a name or its folder's say what is for what.
        folder: The data's folder, below which the pictures lie.

    Returns:
        The pictures with a list of (label, corners in pixels) and the size that the file claims.

    Raises:
        FormatError: A file is no such JSON, or none of its pictures is there.
    """
    found = Found("detection")
    for path in files:
        _read_file(found, path, folder, _part_of(path, folder) if len(files) > 1 else None)
    if not found.inputs:
        why = f"; the first: {found.skipped[0].reason}" if found.skipped else ""
        raise FormatError(
            f"[data] {files[0]} names no picture that is below {folder}{why}. Put the pictures beside the file, or into "
            f"{folder / 'images'}"
        )
    return found


def _read_file(found: Found, path: Path, folder: Path, part: Part | None) -> None:
    data = _parsed(path)
    try:
        labels = {row["id"]: str(row["name"]) for row in data["categories"]}
        images = {row["id"]: row for row in data["images"]}
        names = {key: str(row["file_name"]) for key, row in images.items()}
        things = _things(found, data["annotations"], path, labels, images)
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f"[data] {path} is no list of COCO's boxes: {type(error).__name__} {error}; images need id and file_name, "
            "categories id and name, annotations image_id, category_id and bbox"
        ) from None
    if len(images) != len(data["images"]):
        count = len(data["images"]) - len(images)
        found.skip(path.name, f"{count} images have an id that another one has")
    for key, row in images.items():
        try:
            picture = _picture(names[key], path, folder)
        except FormatError as error:
            found.skip(f"{path.name}: {names[key]}", str(error))
            continue
        name = picture.relative_to(folder.resolve()).as_posix()
        found.add(picture, (things[key], _size(row)), name, part)


def _things(
    found: Found,
    annotations: Any,
    path: Path,
    labels: Mapping[Any, str],
    images: Mapping[Any, Any],
) -> Mapping[Any, list[tuple[str, Corners]]]:
    things: dict[Any, list[tuple[str, Corners]]] = defaultdict(list)
    for row in annotations:
        where = f"{path.name}: annotation {row.get('id', '?')}"
        if row["image_id"] not in images:
            found.skip(where, f"there is no image {row['image_id']!r}")
        elif row["category_id"] not in labels:
            found.skip(where, f"there is no category {row['category_id']!r}")
        elif not row.get("iscrowd"):
            box = row["bbox"]
            if len(box) != 4 or not all(isinstance(x, int | float) for x in box):
                found.skip(
                    where, f"its bbox is {box}; expected four numbers: x, y, width and height"
                )
                continue
            x, y, width, height = map(float, box)
            corners = (x, y, x + width, y + height)
            things[row["image_id"]].append((labels[row["category_id"]], corners))
    return things


def _parsed(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"[data] {path} is no JSON: {error}") from None
    if not isinstance(data, dict) or not {"images", "annotations", "categories"} <= set(data):
        raise FormatError(
            f"[data] {path} is no list of COCO's boxes; it needs images, annotations and categories"
        )
    return data


def _picture(name: str, path: Path, folder: Path) -> Path:
    """Return the path of a picture, which must be inside the data's folder."""
    part = path.stem.removeprefix("instances_").removeprefix("_annotations.coco")
    bases = [path.parent, folder, folder / "images", folder / "images" / part, folder / part]
    inside = folder.resolve()
    for base in bases:
        try:
            picture = (base / name).resolve()
            is_there = picture.is_file()
        except (OSError, ValueError):  # too long for a name, or with a zero in it
            break
        if not picture.is_relative_to(inside):
            raise FormatError(f"{name!r} leads out of the data's folder")
        if is_there:
            return picture
    raise FormatError(f"there is no picture {name!r}")


def _size(row: Mapping[str, Any]) -> tuple[float, float] | None:
    width, height = row.get("width"), row.get("height")
    if (
        isinstance(width, int | float)
        and isinstance(height, int | float)
        and min(width, height) > 0
    ):
        return float(width), float(height)
    return None


def _part_of(path: Path, folder: Path) -> Part | None:
    """Return the part that a file's name or its folder's says: instances_val2017.json, train/_annotations.coco.json."""
    words = [*path.relative_to(folder).parts[:-1], *path.stem.lower().split("_")]
    for word in words:
        for name, part in PARTS.items():
            if word.lower().rstrip("0123456789") == name:
                return part
    return None
