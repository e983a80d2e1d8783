"""Examples that are the same: equal bytes, equal words, or pictures that only their coding tells apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from penstock_models.data.survey import Facts

# Two pictures are the same if at most so many of 64 comparisons differ, and their small copies agree so well. Pictures
# stored again, at half or twice the size, differ in 8 and agree to 0.995; none of 4.5 million pairs of handwritten
# digits, many of which look alike, agrees to 0.99.
MOST_BITS = 7
LEAST_AGREEMENT = 0.99
# Of pictures with less contrast than this only equal files are the same: what is left of them is noise.
LEAST_CONTRAST = 4.0
ONES = np.array([byte.bit_count() for byte in range(256)], np.uint8)


def groups_of(facts: Sequence[Facts]) -> list[int]:
    """Return for each example the place of the first one that is the same.

    Args:
        facts: What is known about the examples.

    Returns:
        A place for each; its own for what is the first or the only one.

    Raises:
        Nothing.

    >>> groups_of([Facts("a", "x", ()), Facts("b", "", ()), Facts("c", "x", ()), Facts("b", "", ())])
    [0, 1, 0, 1]
    """
    first = list(range(len(facts)))
    for key in ("sha256", "same"):
        seen: dict[str, int] = {}
        for at, fact in enumerate(facts):
            if value := getattr(fact, key):
                _join(first, at, seen.setdefault(value, at))
    pictures = [at for at, fact in enumerate(facts) if fact.bits is not None]
    for a, b in _alike([facts[at] for at in pictures]):
        _join(first, pictures[a], pictures[b])
    return [_root(first, at) for at in range(len(facts))]


def _root(first: list[int], at: int) -> int:
    while first[at] != at:
        at = first[at]
    return at


def _join(first: list[int], a: int, b: int) -> None:
    low, high = sorted((_root(first, a), _root(first, b)))
    first[high] = low


def _alike(facts: Sequence[Facts]) -> Iterator[tuple[int, int]]:
    """Yield pairs of pictures that are the same.

    Of 8 bytes that differ in at most 7 bits one is equal, so only pictures with an equal byte are compared.
    """
    if len(facts) < 2:
        return
    packed = np.packbits(np.stack([fact.bits for fact in facts if fact.bits is not None]), axis=1)
    small = np.stack([fact.thumbnail for fact in facts if fact.thumbnail is not None])
    small = small.reshape(len(facts), -1).astype(np.float32)
    small -= small.mean(1, keepdims=True)
    plain = small.std(1) < LEAST_CONTRAST
    small /= np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)
    for byte in range(8):
        for places in _buckets(packed[:, byte], ~plain):
            for row, a in enumerate(places[:-1]):
                others = places[row + 1 :]
                near = others[ONES[packed[others] ^ packed[a]].sum(1) <= MOST_BITS]
                same = near[small[near] @ small[a] >= LEAST_AGREEMENT]
                yield from ((int(a), int(b)) for b in same)


def _buckets(
    values: np.ndarray[Any, Any], of: np.ndarray[Any, Any]
) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the places with equal values, where there are several."""
    chosen = np.flatnonzero(of)
    order = chosen[np.argsort(values[chosen], kind="stable")]
    edges = np.flatnonzero(np.diff(values[order])) + 1
    yield from (places for places in np.split(order, edges) if len(places) > 1)
