"""Whether heads make a tree."""

from __future__ import annotations

from collections.abc import Sequence


def what_is_wrong(heads: Sequence[int | None]) -> str | None:
    """Return why heads make no tree with one root, in words; None if they make one.

    Args:
        heads: The number of each word's head, from 1; 0 for the root.

    Returns:
        A part of a sentence, or None.

    Raises:
        ValueError: Never.

    >>> what_is_wrong([2, 1])
    'the heads of word 1 go round: 1, 2, 1; no word is the root, give one the head 0'
    """
    problems = []
    missing = [i for i, head in enumerate(heads, 1) if head is None or head > len(heads)]
    if missing:
        return f"word {missing[0]} has the head {heads[missing[0] - 1]}, and there are {len(heads)} words"
    round_trip = cycle_of([head or 0 for head in heads])
    if round_trip:
        way = ", ".join(map(str, round_trip))
        problems.append(f"the heads of word {round_trip[0]} go round: {way}")
    roots = [i for i, head in enumerate(heads, 1) if head == 0]
    if not roots:
        problems.append("no word is the root, give one the head 0")
    if len(roots) > 1:
        problems.append(f"words {', '.join(map(str, roots))} all have the head 0, give it to one")
    return "; ".join(problems) or None


def cycle_of(heads: Sequence[int]) -> list[int]:
    """Return the words of a cycle, the first also at the end; nothing if there is none.

    Args:
        heads: The number of each word's head, from 1; 0 for the root.

    Returns:
        Words' numbers, each hanging on the next.

    Raises:
        IndexError: A head is above the number of words.

    >>> cycle_of([2, 1, 1])
    [1, 2, 1]
    """
    done = [False] * (len(heads) + 1)
    done[0] = True
    for start in range(1, len(heads) + 1):
        way: dict[int, None] = {}
        word = start
        while not done[word] and word not in way:
            way[word] = None
            word = heads[word - 1]
        if word in way:
            names = list(way)
            return [*names[names.index(word) :], word]
        for seen in way:
            done[seen] = True
    return []
