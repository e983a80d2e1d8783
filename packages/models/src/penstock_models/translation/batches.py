"""Batches of pairs of texts, of nearly equal length each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api.utils import PyDataset
from penstock_models.tokenizers.subwords import END, PAD, START

STEP = 4  # lengths are filled up to multiples of it: it suits the kernels
Numbers = Sequence[int]


class PairBatches(PyDataset):
    """Give pairs as a network with the inputs token_ids, padding_mask and target_ids learns from them.

    Args:
        sources: Each text's numbers.
        targets: The numbers of what each is translated to.
        tokens: How many numbers a batch has at most, with those that fill up, on each side.
        seed: Of the choice among pairs that are as long.

    Raises:
        ValueError: There are not as many sources as targets, or a pair does not fit into a batch.

    >>> x, y = PairBatches([[5, 6, 7]], [[8, 9]], tokens=32)[0]
    >>> x["token_ids"].tolist(), x["target_ids"].tolist(), y["logits"].tolist()
    ([[5, 6, 7, 2]], [[1, 8, 9, 0]], [[8, 9, 2, 0]])
    """

    def __init__(
        self, sources: Sequence[Numbers], targets: Sequence[Numbers], tokens: int, seed: int = 0
    ) -> None:
        super().__init__()
        if len(sources) != len(targets):
            raise InvalidValueError(
                f"[PairBatches] got {len(sources)} sources and {len(targets)} targets; give one for each"
            )
        self._sources, self._targets = sources, targets
        self._rows = _grouped(sources, targets, tokens, seed)

    def __len__(self) -> int:
        """Return how many batches there are."""
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a batch's inputs and the numbers that are to come out."""
        rows = self._rows[index]
        token_ids = filled([[*self._sources[i], END] for i in rows])
        targets = [self._targets[i] for i in rows]
        inputs = {
            "token_ids": token_ids,
            "padding_mask": (token_ids != PAD).astype("int32"),
            "target_ids": filled([[START, *target] for target in targets]),
        }
        return inputs, {"logits": filled([[*target, END] for target in targets])}


def filled(rows: Sequence[Numbers]) -> np.ndarray[Any, Any]:
    """Return rows of numbers as one array: int32 [rows, the longest], filled up with `PAD`."""
    length = -(-max(map(len, rows)) // STEP) * STEP
    made = np.full((len(rows), length), PAD, "int32")
    for row, numbers in zip(made, rows, strict=True):
        row[: len(numbers)] = numbers
    return made


def _grouped(
    sources: Sequence[Numbers], targets: Sequence[Numbers], tokens: int, seed: int
) -> list[list[int]]:
    """Return the places of the pairs of each batch."""
    sizes = [(len(t) // STEP, len(s) // STEP) for s, t in zip(sources, targets, strict=True)]
    order = np.random.default_rng(seed).permutation(len(sizes))
    groups: list[list[int]] = []
    longest = 0
    for i in sorted(order.tolist(), key=lambda i: sizes[i]):
        size = (max(sizes[i]) + 1) * STEP
        if size > tokens:
            raise InvalidValueError(
                f"[PairBatches] pair {i} has {size} numbers, and a batch {tokens}; leave it out"
            )
        longest = max(longest, size)
        if not groups or longest * (len(groups[-1]) + 1) > tokens:
            groups.append([])
            longest = size
        groups[-1].append(i)
    return groups
