"""Texts through a network: short ones with short ones, so that little of the work is padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock_models.tokenizers.tokenizer import Tokenizer

Array = np.ndarray[Any, Any]
# Rows are as long as a multiple of this, so that few lengths are planned for.
STEP = 4


def rows_of(tokenizer: Tokenizer, texts: Sequence[str]) -> dict[str, Array]:
    """Return the rows of texts, as long as the longest needs.

    Args:
        tokenizer: The network's.
        texts: The texts.

    Returns:
        Arrays [texts, length], as `Tokenizer` returns them.

    Raises:
        ValueError: There are no texts.
    """
    return {name: rows.numpy() for name, rows in tokenizer(list(texts)).items()}


def cut(
    rows: dict[str, Array], names: Sequence[str], most: int, whole: bool = False
) -> dict[str, ps.Tensor]:
    """Return rows without what is padding in all of them.

    Args:
        rows: Of `rows_of`.
        names: Which of them the network takes.
        most: How many positions the network knows.
        whole: Leave padding, so that all rows of `rows_of` keep one length.
    """
    mask = rows["padding_mask"]
    longest = mask.shape[1] if whole else int(mask.sum(1).max(initial=1))
    length = min(-(-longest // STEP) * STEP, most)
    short = length - rows["padding_mask"].shape[1]  # at the end of all rows there may be too little
    return {
        name: ps.asarray(np.pad(rows[name][:, :length], ((0, 0), (0, max(short, 0)))))
        for name in names
    }


def in_batches(
    run: Callable[[Any], Any],
    rows: dict[str, Array],
    names: Sequence[str],
    most: int,
    batch_size: int = 32,
) -> Array:
    """Run a function over rows, those of like length together.

    Args:
        run: From what the network takes to [batch, width].
        rows: Of `rows_of`.
        names: What the network takes.
        most: How many positions it knows.
        batch_size: How many texts go at once.

    Returns:
        [texts, width], in the order of the texts.
    """
    order = np.argsort(rows["padding_mask"].sum(1), kind="stable")
    parts = []
    for at in range(0, len(order), batch_size):
        places = order[at : at + batch_size]
        chosen = {name: value[places] for name, value in rows.items()}
        parts.append(run(cut(chosen, names, most)).numpy())
    joined = np.concatenate(parts)
    made = np.empty_like(joined)
    made[order] = joined
    return made
