"""Which columns of a table are the text and the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import FormatError, InvalidValueError

TEXTS = ("text", "sentence", "review", "comment", "content", "message", "tweet", "body", "headline")
LABELS = ("label", "class", "category", "sentiment", "target", "intent", "topic", "rating", "stars")
# A column with more values than this, or with hardly any value twice, holds no classes.
MOST_CLASSES = 1000


@dataclass(frozen=True)
class Columns:
    """Where a table has what, counted from 0.

    Args:
        text: The column of texts.
        label: The column of labels.
        width: How many cells a line has.
        header: How many lines come before the data: 0 or 1.
        sentence: What was chosen, and how to choose otherwise.
    """

    text: int
    label: int
    width: int
    header: int
    sentence: str


def choose_columns(
    path: Path, rows: Sequence[Sequence[str]], text: str | None, label: str | None
) -> Columns:
    """Find the text and the label.

    Args:
        path: The file, for messages.
        rows: The cells of all lines.
        text: A name, or a number from 1, that the user gave.
        label: Likewise.

    Returns:
        The columns.

    Raises:
        ValueError: The table has no such column.
        FormatError: Nothing says which columns they are.
    """
    width = len(rows[0])
    if width < 2:
        raise FormatError(
            f"[data] {path} has one column, {rows[0][0][:40]!r}; expected a text and its label on each line, separated "
            "by a comma or a tab"
        )
    named = has_header(rows, [name for name in (text, label) if name])
    body = [row for row in rows[named:] if len(row) == width]
    names = [cell.strip() for cell in rows[0]] if named else [str(i + 1) for i in range(width)]
    at_label = _given(path, names, label, "--label-column")
    at_text = _given(path, names, text, "--text-column")
    if at_label is None:
        at_label = _by_name(names, LABELS, at_text)
    if at_text is None:
        at_text = _by_name(names, TEXTS, at_label)
    if at_text is None:
        at_text = _longest(body, at_label)
    if at_label is None:
        at_label = _fewest(path, names, body, at_text)
    _check_classes(path, names[at_label], body, at_label)
    what = "named" if named else "number"
    sentence = (
        f"the text is the column {what} {names[at_text]}, the label the one {what} {names[at_label]}; others with "
        "--text-column and --label-column."
    )
    return Columns(at_text, at_label, width, int(named), sentence)


def has_header(rows: Sequence[Sequence[str]], given: Sequence[str] = ()) -> bool:
    """Return whether the first line names the columns.

    It does if it has a name that the user gave, or a usual one; or if some column has few values, and its first is
    none of the others.

    >>> has_header([["review", "label"], ["fine", "1"]]), has_header([["fine", "1"], ["bad", "0"], ["good", "1"]])
    (True, False)
    """
    first = [cell.strip() for cell in rows[0]]
    lower = [cell.lower() for cell in first]
    if any(name in first for name in given) or set(lower) & {*TEXTS, *LABELS}:
        return True
    rest = [row for row in rows[1:] if len(row) == len(first)]
    for at, cell in enumerate(first):
        values = {row[at].strip() for row in rest}
        if 1 < len(values) <= len(rest) / 5 and cell not in values:
            return True
    return False


def _given(path: Path, names: Sequence[str], wanted: str | None, option: str) -> int | None:
    if wanted is None:
        return None
    if wanted in names:
        return names.index(wanted)
    if wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise InvalidValueError(
        f"[data] {path} has no column {wanted!r}; it has: {', '.join(names)}; choose one with {option}"
    )


def _by_name(names: Sequence[str], usual: Sequence[str], taken: int | None) -> int | None:
    lower = [name.lower() for name in names]
    for word in usual:
        for test in (lambda n, w=word: n == w, lambda n, w=word: w in n.replace("_", " ").split()):
            for at, name in enumerate(lower):
                if at != taken and test(name):
                    return at
    return None


def _longest(rows: Sequence[Sequence[str]], taken: int | None) -> int:
    places = [at for at in range(len(rows[0]) if rows else 2) if at != taken]
    return max(places, key=lambda at: sum(len(row[at]) for row in rows))


def _fewest(path: Path, names: Sequence[str], rows: Sequence[Sequence[str]], taken: int) -> int:
    counts = {at: len({row[at] for row in rows}) for at in range(len(names)) if at != taken}
    sound = {at: count for at, count in counts.items() if 1 < count <= max(2, len(rows) // 2)}
    if len(sound) != 1 and len(counts) > 1:
        raise FormatError(
            f"[data] nothing says which column of {path} is the label; it has: {', '.join(names)}; "
            "choose one with --label-column"
        )
    return min(sound or counts, key=lambda at: counts[at])


def _check_classes(path: Path, name: str, rows: Sequence[Sequence[str]], at: int) -> None:
    values = {row[at].strip() for row in rows}
    if len(values) > MOST_CLASSES or (len(rows) >= 20 and len(values) > len(rows) // 2):
        raise FormatError(
            f"[data] the column {name} of {path} has {len(values)} different values in {len(rows)} lines, so it names no "
            "classes; choose another with --label-column"
        )
