"""Batches of examples of like length, so that little of the work is padding."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
# So many batches are sorted among themselves: the rest is chance.
POOL = 16


def grouped(
    order: Array, lengths: Array | None, batch_size: int, rng: np.random.Generator
) -> Array:
    """Return places in an order in which each batch has examples of like length.

    Args:
        order: Places of examples, shuffled.
        lengths: How long each example is; None leaves the order as it is.
        batch_size: How many make a batch.
        rng: Shuffles the batches.

    Returns:
        The same places; a last batch that is not full stays last.

    Raises:
        ValueError: Never here.

    >>> order = np.array([0, 1, 2, 3, 4])
    >>> sorted(grouped(order, np.array([9, 1, 8, 2, 5]), 2, np.random.default_rng(0))[:2].tolist())
    [1, 3]
    """
    full = len(order) // batch_size * batch_size
    if lengths is None or not full:
        return order
    pools = [
        order[at : min(at + POOL * batch_size, full)] for at in range(0, full, POOL * batch_size)
    ]
    rows = [
        pool[np.argsort(lengths[pool], kind="stable")].reshape(-1, batch_size) for pool in pools
    ]
    batches = rng.permutation(np.concatenate(rows))
    return np.concatenate([batches.ravel(), order[full:]])
