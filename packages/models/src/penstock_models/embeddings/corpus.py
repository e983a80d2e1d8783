"""A text as numbers of words, and which words stand beside each other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from penstock.errors import InvalidValueError

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")

Numbers = np.ndarray[Any, np.dtype[np.int32]]


def split_text(text: str) -> list[str]:
    """Return the words of a text in lower case, without numbers and punctuation.

    Args:
        text: A text.

    Returns:
        The words.

    Raises:
        ValueError: Never.

    >>> split_text("It wasn't I -- 'twas Mr. Rochester!")
    ['it', "wasn't", 'i', 'twas', 'mr', 'rochester']
    """
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


@dataclass(frozen=True)
class Corpus:
    """Texts as numbers of words; rare words are left out.

    Args:
        words: The words, the most frequent first.
        counts: How often each occurs.
        texts: The numbers of each text's words, in order.

    Raises:
        ValueError: Never here; see `of`.
    """

    words: tuple[str, ...]
    counts: np.ndarray[Any, np.dtype[np.int64]]
    texts: tuple[Numbers, ...]

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]], min_count: int = 5) -> Self:
        """Count the words of texts.

        Args:
            texts: The words of each text; windows do not reach from one to the next.
            min_count: How often a word must occur to be kept.

        Returns:
            The corpus.

        Raises:
            ValueError: No word occurs so often.

        >>> Corpus.of([["b", "a", "b", "c"]], min_count=1).words
        ('b', 'a', 'c')
        """
        lists = [list(text) for text in texts]
        counts = Counter(word for text in lists for word in text)
        kept = [(word, n) for word, n in counts.items() if n >= min_count]
        if not kept:
            raise InvalidValueError(
                f"[Corpus] no word occurs {min_count} times; give a longer text, or a smaller min_count"
            )
        kept.sort(key=lambda pair: (-pair[1], pair[0]))
        number = {word: i for i, (word, _) in enumerate(kept)}
        numbers = tuple(
            np.array([number[w] for w in text if w in number], np.int32) for text in lists
        )
        return cls(tuple(word for word, _ in kept), np.array([n for _, n in kept]), numbers)

    def __len__(self) -> int:
        """Return how many words the texts have, without the rare ones."""
        return int(self.counts.sum())

    def thinned(self, rng: np.random.Generator, threshold: float) -> list[Numbers]:
        """Return the texts with frequent words left out at random: a word of share f stays with √(t / f) + t / f.

        Args:
            rng: Random numbers.
            threshold: t; 0 leaves nothing out.
        """
        if not threshold:
            return list(self.texts)
        ratio = threshold * len(self) / self.counts
        stays = np.sqrt(ratio) + ratio
        return [text[rng.random(len(text)) < stays[text]] for text in self.texts]


def windows(
    text: Numbers, size: int, rng: np.random.Generator | None = None
) -> Iterator[tuple[Any, Any, int]]:
    """Give the pairs of words that stand near each other, by their distance.

    Args:
        text: Numbers of words.
        size: How far apart the words of a pair may stand.
        rng: If given, each word looks only 1 to `size` words far, at random, as word2vec does.

    Returns:
        For each distance and side: the places of words, the places of words beside them, the distance.

    Raises:
        ValueError: Never.

    >>> [(i.tolist(), j.tolist(), d) for i, j, d in windows(np.array([7, 8, 9], np.int32), 1)]
    [([0, 1], [1, 2], 1), ([1, 2], [0, 1], 1)]
    """
    places = np.arange(len(text))
    reach = np.full(len(text), size) if rng is None else rng.integers(1, size + 1, len(text))
    for distance in range(1, min(size, len(text) - 1) + 1):
        for near, far in (
            (places[:-distance], places[distance:]),
            (places[distance:], places[:-distance]),
        ):
            sees = reach[near] >= distance
            yield near[sees], far[sees], distance
