"""From a path to examples that can be learned from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from penstock.errors import FormatError, InvalidValueError
from penstock_models.data.boxes import fitted
from penstock_models.data.class_folders import WORDS, read_class_folders
from penstock_models.data.coco import find_coco, read_coco
from penstock_models.data.duplicates import groups_of
from penstock_models.data.files import walk
from penstock_models.data.found import Found, examples_of, sorted_labels
from penstock_models.data.sample import placed
from penstock_models.data.splits import LEAST_GROUPS, Splits, divide
from penstock_models.data.survey import Facts, survey
from penstock_models.data.tables import (
    SUFFIXES,
    Wanted,
    is_polarity,
    parts_of,
    read_polarity,
    read_tables,
)
from penstock_models.data.voc import read_voc

ARCHIVES = frozenset((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"))


def read(
    path: str | Path,
    *,
    seed: int = 0,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    advance: Callable[[int], None] = lambda total: None,
) -> Splits:
    r"""Read a user's data, look at every example, and divide them.

    Args:
        path: "sample:tickets", which comes with this package; a folder with a folder of pictures, sounds or texts for each class, or these below train, val and test; a
            folder with VOC's or COCO's boxes; a table (.csv, .tsv), or a folder with train.tsv, dev.tsv and test.tsv.
        seed: Another seed divides the data otherwise.
        text_column: The table's column with the texts; guessed from names and content if not given.
        label_column: Likewise that with the labels.
        encoding: The table's encoding; by default UTF-8.
        advance: Called for each example that was looked at, with how many there are.

    Returns:
        What to learn from and to judge by. What is the same is always in the same part.

    Raises:
        ValueError: A column does not exist.
        FormatError: There is no such data, or too little of it; the message says what to do.

    >>> import tempfile
    >>> from pathlib import Path
    >>> rows = [f"what a {word} film, number {i}\t{word}" for i in range(9) for word in ("good", "bad")]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "films.tsv"
    ...     _ = table.write_text("\n".join(["text\tlabel", *rows]))
    ...     splits = read(table)
    >>> splits.labels, len(splits.train) + len(splits.validation) + len(splits.test)
    (('bad', 'good'), 18)
    """
    place = placed(path)
    found = _found(place, Wanted(text_column, label_column, encoding))
    facts = survey(found, lambda: advance(len(found.inputs)))
    if found.kind == "detection":
        _fit_boxes(found, facts)
    _check_amount(found, place)
    first = groups_of(facts)
    _check_classes(found, first, place)
    places, leaks = divide(found, facts, first, seed)
    labels = sorted_labels(_all_labels(found))
    train, validation, test = (examples_of(found, labels, at) for at in places.values())
    return Splits(
        place,
        train,
        validation,
        test,
        tuple(found.notes),
        tuple(found.skipped),
        tuple(leaks),
        dict(zip(found.names, facts, strict=True)),
        {name: found.names[at] for name, at in zip(found.names, first, strict=True)},
    )


def _found(path: Path, wanted: Wanted) -> Found:
    if not path.exists():
        raise FormatError(
            f"[data] there is no {path}; give a folder with a folder of pictures for each class, or a .csv file"
        )
    if path.is_file():
        return _found_in_file(path, wanted)
    if is_polarity(path):
        return read_polarity(path)
    suffixes = Counter(file.suffix.lower() for file in walk(path))
    if suffixes[".xml"]:
        return read_voc(path)
    if suffixes[".json"] and (files := find_coco(path)):
        return read_coco(files, path)
    if tables := parts_of(path):
        return read_tables(tables, wanted)
    return read_class_folders(path)


def _found_in_file(path: Path, wanted: Wanted) -> Found:
    suffix = path.suffix.lower()
    if suffix == ".json":
        return read_coco([path], path.parent)
    if suffix in ARCHIVES:
        raise FormatError(f"[data] {path} is an archive; unpack it, and give the folder")
    if suffix in SUFFIXES or suffix == ".txt":
        return read_tables([(path, None)], wanted)
    raise FormatError(
        f"[data] {path} is no table; give a .csv or .tsv file with a text and its label on each line, or a folder"
    )


def _fit_boxes(found: Found, facts: list[Facts]) -> None:
    """Turn boxes in pixels into parts of the pictures; facts of pictures that are left out go too."""
    kept = []
    for at, ((things, said), name) in enumerate(zip(found.targets, found.names, strict=True)):
        width, height = facts[at].size
        claimed = said or (width, height)
        if abs(claimed[0] * height - claimed[1] * width) > 0.02 * width * claimed[1]:
            found.skip(
                name,
                f"its annotation says {claimed[0]:g} x {claimed[1]:g} pixels, but the picture has {width} x {height}: "
                "the boxes are those of another picture",
            )
            continue
        boxes = []
        for label, corners in things:
            box, remark = fitted(corners, *claimed)
            if remark:
                found.skip(f"{name}, {label}", remark)
            if box is not None:
                boxes.append((label, box))
        found.targets[at] = boxes
        kept.append(at)
    found.keep(kept)
    facts[:] = [facts[at] for at in kept]


def _all_labels(found: Found) -> set[str]:
    if found.kind == "detection":
        return {label for things in found.targets for label, _ in things}
    return set(found.targets)


def _check_amount(found: Found, path: Path) -> None:
    what = "pictures" if found.kind == "detection" else WORDS[found.kind]
    if not found.inputs:
        first = found.skipped[0]
        raise FormatError(
            f"[data] none of the {len(found.skipped)} {what} in {path} can be used; the first, {first.name}: {first.reason}"
        )
    labels = _all_labels(found)
    if found.kind == "detection":
        if not labels:
            raise FormatError(f"[data] the annotations in {path} have no box; draw some")
        if len(found.inputs) < 2 * LEAST_GROUPS:
            raise FormatError(
                f"[data] {len(found.inputs)} pictures with boxes are too few to learn from and to judge by; "
                "give 6 at least, better 100"
            )
    elif len(labels) < 2:
        raise InvalidValueError(
            f"[data] all {len(found.inputs)} {what} in {path} are of one class, {next(iter(labels))!r}; a classifier "
            "needs two: add the other class, if need be one of anything else"
        )


def _check_classes(found: Found, first: list[int], path: Path) -> None:
    """Refuse what leaves nothing to judge by: fewer than two classes of three examples that differ."""
    if found.kind == "detection":
        return
    groups: dict[str, set[int]] = {}
    for label, group in zip(found.targets, first, strict=True):
        groups.setdefault(label, set()).add(group)
    enough = [label for label, several in groups.items() if len(several) >= LEAST_GROUPS]
    if len(enough) < 2:
        counts = ", ".join(f"{label} {len(groups[label])}" for label in sorted(groups)[:8])
        raise InvalidValueError(
            f"[data] {len(found.inputs)} {WORDS[found.kind]} in {path} are too few to learn from and to judge by (different "
            f"ones: {counts}); give at least {LEAST_GROUPS} of each class, better 50"
        )
