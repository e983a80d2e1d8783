"""Subwords: pieces of words that a text's own pairs of letters were merged into.

Sennrich et al., 2016, https://arxiv.org/abs/1508.07909. The letters are the 256 bytes of UTF-8, so that every text has its
numbers, and gets back from them what it was.
"""

from __future__ import annotations

import heapq
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from penstock.errors import FormatError, InvalidValueError

PAD, START, END = 0, 1, 2
SPECIAL = 3  # how many numbers stand for no text; then come the bytes, then the merged pairs
BYTES = 256
# A word with the space before it, signs likewise, or other white space. Pairs are never merged across these.
PIECES = re.compile(r" ?\w+| ?[^\w\s]+|\s+")
Pair = tuple[int, int]


class Subwords:
    """Numbers for texts: each byte has one, and each pair of numbers that was merged has one.

    Args:
        merges: The pairs, in the order in which they were merged.

    Raises:
        ValueError: A pair has a number that nothing before it made.

    >>> words = Subwords.train(["low lower lowest", "new newer newest"], 275)
    >>> words.decode(words.encode("newest snow"))
    'newest snow'
    """

    def __init__(self, merges: Iterable[Sequence[int]]) -> None:
        self.merges: list[Pair] = [(int(pair[0]), int(pair[1])) for pair in merges]
        self._bytes = [b""] * SPECIAL + [bytes([i]) for i in range(BYTES)]
        for left, right in self.merges:
            if not SPECIAL <= min(left, right) <= max(left, right) < len(self._bytes):
                raise InvalidValueError(
                    f"[Subwords] the pair ({left}, {right}) stands before what it is made of; "
                    "give the pairs in the order of `train`"
                )
            self._bytes.append(self._bytes[left] + self._bytes[right])
        self._number = {pair: SPECIAL + BYTES + i for i, pair in enumerate(self.merges)}
        self._of_piece = lru_cache(maxsize=1 << 16)(self._merged)

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return len(self._bytes)

    @classmethod
    def train(cls, texts: Iterable[str], size: int) -> Subwords:
        """Merge the pairs that are most frequent, one after the other.

        Args:
            texts: The texts.
            size: How many numbers there will be; fewer where no pair occurs twice.

        Returns:
            The subwords.

        Raises:
            ValueError: There is no room for the bytes.
        """
        if size < SPECIAL + BYTES:
            raise InvalidValueError(
                f"[Subwords] got size={size}; expected {SPECIAL + BYTES} or more, so that each byte has a number"
            )
        counts = Counter(piece for text in texts for piece in PIECES.findall(text))
        return cls(_merges(counts, size - SPECIAL - BYTES))

    def encode(self, text: str) -> list[int]:
        """Return a text's numbers, without a start and an end.

        Args:
            text: Any text that UTF-8 can write.

        Returns:
            The numbers.

        Raises:
            UnicodeEncodeError: The text has half a surrogate pair.
        """
        return [number for piece in PIECES.findall(text) for number in self._of_piece(piece)]

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of numbers; what stands for no text is left out.

        Args:
            numbers: The numbers.

        Returns:
            The text; bytes that are none of UTF-8 become U+FFFD.

        Raises:
            IndexError: There is no such number.
        """
        return b"".join(self._bytes[int(i)] for i in numbers).decode("utf-8", "replace")

    def _merged(self, piece: str) -> tuple[int, ...]:
        """Return the numbers of a piece: merge the pair that was merged first, until none is left."""
        found = [SPECIAL + byte for byte in piece.encode("utf-8")]
        while len(found) > 1:
            pairs = pairwise(found)
            number = min(self._number.get(pair, len(self)) for pair in pairs)
            if number == len(self):
                break
            found = _replace(found, self.merges[number - SPECIAL - BYTES], number)
        return tuple(found)

    def save(self, path: str | Path) -> None:
        """Write the pairs as JSON."""
        Path(path).write_text(json.dumps({"merges": self.merges}) + "\n", "utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Subwords:
        """Read what `save` wrote.

        Raises:
            FormatError: The file holds no pairs.
        """
        try:
            return cls(json.loads(Path(path).read_text("utf-8"))["merges"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise FormatError(f"[Subwords] {path} holds no merged pairs: {error}") from None


def _merges(counts: Counter[str], room: int) -> list[Pair]:
    """Return the pairs to merge, by how often pieces occur; of two that are as frequent, the smaller numbers."""
    pieces = sorted(counts)
    numbers = [[SPECIAL + byte for byte in piece.encode("utf-8")] for piece in pieces]
    often = [counts[piece] for piece in pieces]
    total: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[int]] = defaultdict(set)
    for i, piece in enumerate(numbers):
        _count(piece, i, often[i], total, where)
    heap = [(-n, pair) for pair, n in total.items()]
    heapq.heapify(heap)
    merges: list[Pair] = []
    while heap and len(merges) < room:
        count, pair = heapq.heappop(heap)
        if total[pair] != -count:  # it was counted again since
            continue
        if -count < 2:
            break
        made = SPECIAL + BYTES + len(merges)
        merges.append(pair)
        changed: set[Pair] = set()
        for i in where.pop(pair):
            changed |= _count(numbers[i], i, -often[i], total, where)
            numbers[i] = _replace(numbers[i], pair, made)
            changed |= _count(numbers[i], i, often[i], total, where)
        for other in changed:
            if total[other] > 0:
                heapq.heappush(heap, (-total[other], other))
    return merges


def _count(
    piece: list[int], i: int, often: int, total: Counter[Pair], where: defaultdict[Pair, set[int]]
) -> set[Pair]:
    """Add a piece's pairs to the counts, or with a negative count take them away; return them."""
    pairs = list(pairwise(piece))
    for pair in pairs:
        total[pair] += often
        if often > 0:
            where[pair].add(i)
        else:
            where[pair].discard(i)
    return set(pairs)


def _replace(piece: list[int], pair: Pair, number: int) -> list[int]:
    """Put a number in the place of each of a pair, from the left."""
    made: list[int] = []
    i = 0
    while i < len(piece):
        if i + 1 < len(piece) and (piece[i], piece[i + 1]) == pair:
            made.append(number)
            i += 2
        else:
            made.append(piece[i])
            i += 1
    return made
