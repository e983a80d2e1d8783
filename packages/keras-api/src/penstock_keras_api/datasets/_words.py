"""Texts as lists of words' ranks, as IMDB and Reuters come: mark their start, and leave out rare or frequent words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError, InvalidValueError
from penstock_keras_api.datasets._splits import Array


def prepare(
    parts: Sequence[tuple[Array, Array]],
    *,
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int,
) -> list[tuple[Array, Array]]:
    """Turn ranks into the numbers that `load_data` promises, and drop texts that are too long.

    Args:
        parts: Texts [n], which are lists of ranks (1 is the most frequent word), and their labels [n].
        num_words: Numbers from here on become `oov_char`. None for the largest number that there is, so that only the
            rarest word is left out, as in Keras.
        skip_top: Numbers below become `oov_char`.
        maxlen: Texts of that many numbers or more are left out; None for no bound.
        start_char: What every text begins with; None for nothing.
        oov_char: What stands for a word that is left out; None to leave no trace of it.
        index_from: What is added to every rank.

    Returns:
        Texts and labels of each part.

    Raises:
        ValueError: No text is shorter than `maxlen`.
    """
    start = [] if start_char is None else [start_char]
    made = [
        [[*start, *(rank + index_from for rank in text)] for text in texts] for texts, _ in parts
    ]
    kept = [_shorter(part, maxlen) for part in made]
    if num_words is None:
        num_words = max(
            max(part[i], default=0) for part, rows in zip(made, kept, strict=True) for i in rows
        )
    found = []
    for part, rows, (_, labels) in zip(made, kept, parts, strict=True):
        texts = np.empty(len(rows), object)
        for place, i in enumerate(rows):
            texts[place] = _within(part[i], skip_top, num_words, oov_char)
        found.append((texts, np.asarray(labels)[rows]))
    return found


def _shorter(texts: list[list[int]], maxlen: int | None) -> list[int]:
    """List the texts that are short enough."""
    kept = [i for i, text in enumerate(texts) if maxlen is None or len(text) < maxlen]
    if texts and not kept:
        shortest = min(len(text) for text in texts)
        raise InvalidValueError(
            f"[keras.datasets] no text is shorter than maxlen={maxlen}; give maxlen={shortest + 1} or more"
        )
    return kept


def _within(text: list[int], least: int, most: int, oov_char: int | None) -> list[int]:
    if oov_char is None:
        return [number for number in text if least <= number < most]
    return [number if least <= number < most else oov_char for number in text]


def read_index(path: Path) -> dict[str, int]:
    """Read the rank of every word.

    Raises:
        FormatError: The file is no JSON object.
    """
    try:
        found: Any = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise FormatError(
            f"[keras.datasets] {path} is no JSON: {error}; fetch the file again"
        ) from None
    if not isinstance(found, dict):
        raise FormatError(
            f"[keras.datasets] {path} holds a {type(found).__name__}; expected words and ranks; fetch the file again"
        )
    return found
