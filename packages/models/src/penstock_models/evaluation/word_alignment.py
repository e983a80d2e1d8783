"""Which words of two sides stand for each other, by the letters of the text that they cover."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np

from penstock_models.parsing.sentence import Sentence, Word


class Node:
    """A word, with the letters that it covers: those of its token, if that stands for several words.

    Args:
        word: The word.
        start: How many letters of the text, without spaces, stand before.
        end: How many stand before its end.
        several: Whether its token stands for several words.

    Raises:
        ValueError: Never.
    """

    __slots__ = ("end", "head", "several", "start", "word")

    def __init__(self, word: Word, start: int, end: int, several: bool) -> None:
        self.word, self.start, self.end, self.several = word, start, end, several
        self.head: Node | None = None


class Side:
    """All words of one side, and its text without spaces."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.letters: list[str] = []
        self._at = 0

    def add(self, sentence: Sentence) -> None:
        """Add a sentence whose heads make a tree."""
        first = len(self.nodes)
        ranges = {token.first: token for token in sentence.ranges}
        inside = 0
        span = (0, 0)
        for number, word in enumerate(sentence.words, 1):
            if number in ranges:
                inside = ranges[number].last
                span = self._take(ranges[number].form)
            elif number > inside:
                span = self._take(word.form)
            self.nodes.append(Node(word, *span, number <= inside))
        for node in self.nodes[first:]:
            node.head = self.nodes[first + node.word.head - 1] if node.word.head else None

    def _take(self, form: str) -> tuple[int, int]:
        letters = "".join(c for c in form if unicodedata.category(c) != "Zs")
        start, self._at = self._at, self._at + len(letters)
        self.letters.append(letters)
        return start, self._at


def aligned(gold: Sequence[Node], system: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """Give the words that stand for each other.

    Elsewhere these are words that cover the same letters; where a token stands for several words on either side, they
    are the longest common subsequence of forms, in lower case.

    Args:
        gold: The words of one side, in order.
        system: Those of the other.

    Returns:
        Pairs of words.

    Raises:
        ValueError: Never.
    """
    i = j = 0
    while i < len(gold) and j < len(system):
        ours, theirs = gold[i], system[j]
        if ours.several or theirs.several:
            if ours.several and not theirs.several and theirs.start < ours.start:
                j += 1
            elif theirs.several and not ours.several and ours.start < theirs.start:
                i += 1
            end = ours.end if ours.several else theirs.end
            last = _ends(gold, system, i, j, end)
            yield from _longest_common(gold[i : last[0]], system[j : last[1]])
            i, j = last
        elif (ours.start, ours.end) == (theirs.start, theirs.end):
            yield ours, theirs
            i, j = i + 1, j + 1
        elif ours.start <= theirs.start:
            i += 1
        else:
            j += 1


def _ends(
    gold: Sequence[Node], system: Sequence[Node], i: int, j: int, end: int
) -> tuple[int, int]:
    """Return where both sides leave a stretch that no token of several words crosses."""
    before = (-1, -1)
    while before != (i, j):
        before = (i, j)
        i, end = _leave(gold, i, end)
        j, end = _leave(system, j, end)
    return i, j


def _leave(nodes: Sequence[Node], at: int, end: int) -> tuple[int, int]:
    while at < len(nodes):
        node = nodes[at]
        if (node.start >= end) if node.several else (node.end > end):
            break
        end = max(end, node.end)
        at += 1
    return at, end


def _longest_common(gold: Sequence[Node], system: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    ours = [node.word.form.lower() for node in gold]
    theirs = [node.word.form.lower() for node in system]
    length = np.zeros((len(ours) + 1, len(theirs) + 1), np.int64)
    for i in reversed(range(len(ours))):
        for j in reversed(range(len(theirs))):
            if ours[i] == theirs[j]:
                length[i, j] = length[i + 1, j + 1] + 1
            else:
                length[i, j] = max(length[i + 1, j], length[i, j + 1])
    i = j = 0
    while i < len(ours) and j < len(theirs):
        if ours[i] == theirs[j]:
            yield gold[i], system[j]
            i, j = i + 1, j + 1
        elif length[i, j] == length[i + 1, j]:
            i += 1
        else:
            j += 1
