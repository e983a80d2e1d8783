"""Random words for samplers that try again: every element has a counter of its own, and so has every attempt."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock._dataclass import dataclass

LOW_WORD = np.uint64(0xFFFFFFFF)
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)


def encrypt(key: int, words: list[Any]) -> Any:
    """Encrypt counters of four 32-bit words with Philox4x32-10.

    Returns:
        [blocks, 4], uint64, each below 2³².

    Source:
        Salmon, Moraes, Dror and Shaw, 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3.
    """
    keys = np.array([key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF], np.uint64)
    for _round in range(10):
        first, second = words[0] * _MULTIPLIERS[0], words[2] * _MULTIPLIERS[1]
        words = [
            (second >> np.uint64(32)) ^ words[1] ^ keys[0],
            second & LOW_WORD,
            (first >> np.uint64(32)) ^ words[3] ^ keys[1],
            first & LOW_WORD,
        ]
        keys = (keys + _WEYL) & LOW_WORD
    return np.stack(words, axis=-1)


@dataclass(frozen=True)
class Draws:
    """The words of one call, for each element and attempt.

    The runtime takes a block of four words for `per_block` elements. Element i at attempt a encrypts the counter of
    its block with 1 + i % per_block as the third word and a as the fourth; plain draws have zeros there.
    """

    key: int
    counter: int
    per_block: int

    @classmethod
    def of(cls, key: int, counter: int, dtype: Any) -> Draws:
        """Make the words for a result of `dtype`, whose size decides how many elements share a block."""
        return cls(key, counter, 2 if np.dtype(dtype).itemsize > 4 else 4)

    def words(self, elements: Any, attempt: int = 0) -> Any:
        """Return four words for each of the elements, given by their numbers: [n, 4]."""
        elements = np.asarray(elements, np.uint64)
        block, place = np.divmod(elements, np.uint64(self.per_block))
        counters = np.uint64(self.counter % 2**64) + block
        last = np.full(elements.shape, attempt, np.uint64)
        return encrypt(
            self.key,
            [counters & LOW_WORD, counters >> np.uint64(32), place + np.uint64(1), last],
        )

    def bits(self, elements: Any, attempt: int = 0) -> tuple[Any, Any]:
        """Return two numbers of 64 random bits for each element."""
        words = self.words(elements, attempt)
        pairs = words[:, 0::2] | words[:, 1::2] << np.uint64(32)
        return pairs[:, 0], pairs[:, 1]

    def uniforms(self, elements: Any, attempt: int = 0) -> tuple[Any, Any]:
        """Return two float64 numbers in (0, 1) for each element: the middles of 2⁵² equal intervals."""
        first, second = self.bits(elements, attempt)
        u1, u2 = (
            ((b >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52 for b in (first, second)
        )
        return u1, u2

    def normals(self, elements: Any, attempt: int = 0) -> Any:
        """Return a normally distributed float64 number for each element, by Box and Muller."""
        u1, u2 = self.uniforms(elements, attempt)
        return np.sqrt(-2.0 * np.log(u1)) * np.cos(2.0 * np.pi * u2)
