"""Trees as text, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from penstock_models.parsing.sentence import Sentence

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES = dict(
    zip(
        (0, UP | DOWN, LEFT | RIGHT, DOWN | RIGHT, UP | RIGHT, DOWN | LEFT | RIGHT),
        " │─┌└┬",
        strict=True,
    )
)
LINES |= {UP | LEFT | RIGHT: "┴", UP | DOWN | RIGHT: "├", UP | DOWN | LEFT | RIGHT: "┼"}


class Arc(NamedTuple):
    """A line between two words, by their places from 0, and how far from them it is drawn, from 0."""

    head: int
    dependent: int
    level: int

    @property
    def ends(self) -> tuple[int, int]:
        """The places in order."""
        return min(self[:2]), max(self[:2])


def arcs_of(heads: Sequence[int | None]) -> list[Arc]:
    """Return the arcs of a tree without the root's, each farther out than those that it goes over.

    Args:
        heads: The number of each word's head, from 1; 0 for the root, None for unknown.

    Returns:
        The arcs, the shortest first.

    Raises:
        ValueError: Never.

    >>> arcs_of([2, 3, 0])
    [Arc(head=1, dependent=0, level=0), Arc(head=2, dependent=1, level=1)]
    """
    pairs = [(head - 1, word) for word, head in enumerate(heads) if head]
    made: list[Arc] = []
    for head, word in sorted(pairs, key=lambda pair: (abs(pair[0] - pair[1]), min(pair))):
        arc = Arc(head, word, 0)
        below = [other.level for other in made if _meet(arc, other)]
        made.append(Arc(head, word, max(below, default=-1) + 1))
    return made


def _meet(one: Arc, other: Arc) -> bool:
    """Whether two arcs cannot be drawn on one level: only those that leave a word to both sides may touch."""
    (a, b), (c, d) = one.ends, other.ends
    if b == c or d == a:
        return one.head != other.head
    return a < d and c < b


def draw_rows(sentence: Sentence) -> list[tuple[str, str, str, str, str]]:
    """Return for each word: the lines beside it, its number, form, part of speech and relation.

    Args:
        sentence: With heads.

    Returns:
        Five strings for each word; the lines have one length.

    Raises:
        ValueError: Never.

    >>> [row[0] for row in draw_rows(Sentence.of(["Birds", "fly"], [2, 0], ["nsubj", "root"]))]
    ['┌▶', '└─']
    """
    arcs = arcs_of(sentence.heads)
    depth = max((arc.level for arc in arcs), default=-1) + 1
    cells = [[0] * depth for _ in sentence.words]
    for arc in arcs:
        top, bottom = arc.ends
        column = depth - 1 - arc.level
        cells[top][column] |= DOWN | RIGHT
        cells[bottom][column] |= UP | RIGHT
        for row in range(top + 1, bottom):
            cells[row][column] |= UP | DOWN
        for row in (top, bottom):
            for later in range(column + 1, depth):
                cells[row][later] |= LEFT | RIGHT
    rows = []
    for i, (word, line) in enumerate(zip(sentence.words, cells, strict=True)):
        tip = "▶" if word.head else ("─" if line and line[-1] & RIGHT else " ")
        lines = "".join(LINES[bits] for bits in line) + tip
        rows.append((lines, str(i + 1), word.form, word.upos, word.relation))
    return rows


def draw_text(sentence: Sentence) -> str:
    """Draw a tree with a line for each word; arrows go from heads to what hangs on them.

    Args:
        sentence: With heads.

    Returns:
        Lines.

    Raises:
        ValueError: Never.

    >>> print(draw_text(Sentence.of(["Big", "birds", "fly"], [2, 3, 0], ["amod", "nsubj", "root"])))
     ┌▶  1  Big    _  amod
    ┌┴▶  2  birds  _  nsubj
    └──  3  fly    _  root
    """
    rows = draw_rows(sentence)
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
    lines = []
    for row in rows:
        cells = (row[0], row[1].rjust(widths[1]), *(row[i].ljust(widths[i]) for i in (2, 3)))
        lines.append("  ".join((*cells, row[4])))
    return "\n".join(lines)


def draw_svg(sentence: Sentence) -> str:
    """Draw a tree as a picture: the words in a row, arcs over them.

    Args:
        sentence: With heads.

    Returns:
        The text of an SVG that stands for itself, for a page or a file.

    Raises:
        ValueError: Never.

    >>> draw_svg(Sentence.of(["Birds", "fly"], [2, 0], ["nsubj", "root"])).count("<path")
    4
    """
    arcs = arcs_of(sentence.heads)
    depth = max((arc.level for arc in arcs), default=-1) + 1
    floor = 26 * depth + 34
    middles, right = [], 12.0
    for word in sentence.words:
        width = max(9 * len(word.form), 8 * len(word.upos), 7.5 * len(word.relation) + 8, 36)
        middles.append(right + width / 2)
        right += width + 10
    parts = [_word(sentence, i, x, floor) for i, x in enumerate(middles)]
    words = sentence.words
    parts += [_arc(arc, middles, floor, words[arc.dependent].relation) for arc in arcs]
    size = f'width="{right:.0f}" height="{floor + 48}" viewBox="0 0 {right:.0f} {floor + 48}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="15">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>"])


def _word(sentence: Sentence, index: int, x: float, floor: float) -> str:
    word = sentence.words[index]
    text = f'<text x="{x:.1f}" y="{floor + 20}" text-anchor="middle">{escape(word.form)}</text>'
    text += (
        f'<text x="{x:.1f}" y="{floor + 38}" text-anchor="middle" font-size="11" fill="#777">'
        f"{escape(word.upos)}</text>"
    )
    if word.head == 0:
        text += f'<path d="M{x:.1f} 6V{floor}" stroke="#d9480f"/>' + _tip(x, floor)
    return text


def _arc(arc: Arc, middles: Sequence[float], floor: float, relation: str) -> str:
    top = floor - 26 * (arc.level + 1)
    side = 5 if arc.head < arc.dependent else -5  # heads' and dependents' ends stand apart
    start, end = middles[arc.head] + side, middles[arc.dependent] - side
    bend = 8 if end > start else -8
    path = (
        f"M{start:.1f} {floor}V{top + 8}Q{start:.1f} {top} {start + bend:.1f} {top}"
        f"H{end - bend:.1f}Q{end:.1f} {top} {end:.1f} {top + 8}V{floor}"
    )
    label = (
        f'<text x="{(start + end) / 2:.1f}" y="{top - 4}" text-anchor="middle" font-size="11" fill="#1f6feb">'
        f"{escape(relation)}</text>"
    )
    return f'<path d="{path}" fill="none" stroke="#888"/>{_tip(end, floor)}{label}'


def _tip(x: float, floor: float) -> str:
    return f'<path d="M{x - 4:.1f} {floor - 6}h8l-4 7z" fill="#555"/>'
