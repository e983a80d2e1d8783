"""Texts and labels from CSV and TSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import FormatError
from penstock_models.data.columns import Columns, choose_columns
from penstock_models.data.found import PARTS, Found, Part
from penstock_models.data.text_files import read_text

SUFFIXES = frozenset((".csv", ".tsv"))
LONGEST_CELL = 1 << 20


@dataclass(frozen=True)
class Wanted:
    """What the user says about a table: columns' names, or their numbers from 1; and the file's encoding."""

    text: str | None = None
    label: str | None = None
    encoding: str | None = None


def read_tables(files: Sequence[tuple[Path, Part | None]], wanted: Wanted) -> Found:
    """Read tables that have the same columns.

    Args:
        files: Each with the part of the data that it is.
        wanted: What the user says about them.

    Returns:
        The texts with their labels.

    Raises:
        FormatError: A file is empty, no table, or has no such columns.
    """
    found = Found("text")
    seen: dict[str, list[str]] = {}
    for path, part in files:
        rows = _rows(path, read_text(path, found.notes, wanted.encoding))
        if not rows:
            raise FormatError(
                f"[data] {path} is empty; it should have a line for each text: the text and its label"
            )
        columns = choose_columns(path, [cells for _, cells in rows], wanted.text, wanted.label)
        seen.setdefault(columns.sentence, []).append(path.name)
        _add_rows(found, path, part, rows[columns.header :], columns)
    found.notes += [f"In {', '.join(names)} {sentence}" for sentence, names in seen.items()]
    return found


def parts_of(folder: Path) -> list[tuple[Path, Part | None]]:
    """Return the tables of a folder: train, dev and test, or the only one.

    Raises:
        FormatError: There are several, and their names do not say what they are.
    """
    tables = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    named = [(path, PARTS[path.stem.lower()]) for path in tables if path.stem.lower() in PARTS]
    if any(part == "train" for _, part in named):
        return list(named)
    if len(tables) > 1:
        raise FormatError(
            f"[data] {folder} holds several tables: {', '.join(p.name for p in tables[:6])}; name one of them, or call "
            "them train.tsv, dev.tsv and test.tsv"
        )
    return [(path, None) for path in tables]


def read_polarity(folder: Path) -> Found:
    """Read `NAME.pos` and `NAME.neg`: a text on each line."""
    found = Found("text")
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".pos", ".neg")):
        label = {".pos": "positive", ".neg": "negative"}[path.suffix]
        for number, line in enumerate(read_text(path, found.notes).split("\n"), 1):
            if line.strip():
                found.add(line.strip(), label, f"{path.name}:{number}", None)
    return found


def is_polarity(folder: Path) -> bool:
    """Return whether a folder holds a pair of such files."""
    return {".pos", ".neg"} <= {path.suffix for path in folder.iterdir() if path.is_file()}


def _rows(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Return the cells of each line that has some, with the line's number."""
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    mark = "\t" if path.suffix.lower() == ".tsv" or "\t" in first else _separator(first)
    full = [line for line in lines if line.strip()]
    if mark == "\t" and len({line.count("\t") for line in full}) == 1:
        # Written without quoting: a quotation mark is a character of the text.
        split = [(n, line.split("\t")) for n, line in enumerate(lines, 1)]
        return [row for row in split if any(cell.strip() for cell in row[1])]
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text), delimiter=mark)
    rows: list[tuple[int, list[str]]] = []
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((start, cells))
            start = reader.line_num + 1
    except csv.Error as error:
        raise FormatError(
            f"[data] {path}, from line {start}: {error}; a quotation mark may never be closed"
        ) from None
    return rows


def _separator(line: str) -> str:
    return max(",;|", key=line.count)


def _add_rows(
    found: Found,
    path: Path,
    part: Part | None,
    rows: Sequence[tuple[int, list[str]]],
    columns: Columns,
) -> None:
    wrong = 0
    for number, cells in rows:
        name = f"{path.name}:{number}"
        if len(cells) != columns.width:
            wrong += 1
            found.skip(name, f"it has {len(cells)} cells, and the other lines {columns.width}")
            continue
        text, label = cells[columns.text].strip(), cells[columns.label].strip()
        if not text or not label:
            found.skip(name, "it has no text" if not text else "it has no label")
            continue
        found.add(text, label, name, part)
    if 2 * wrong > len(rows):
        raise FormatError(
            f"[data] {wrong} of {len(rows)} lines of {path} do not have {columns.width} cells, as line 1 has; put texts "
            "that hold the separator into quotation marks"
        )
