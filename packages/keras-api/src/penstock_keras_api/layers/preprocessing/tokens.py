"""Words of texts, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import penstock as ps

_WINDOW: Final = 64  # words at a time, where a graph cannot know how many there are


class Tokens(NamedTuple):
    """Words [..., n], with "" behind the last of each text, and how many there are, [...]."""

    values: Any
    counts: Any


def split_text(x: Any, split: Any, size: int | None) -> Tokens:
    """Cut texts into words.

    Args:
        x: [...], string.
        split: "whitespace", "character", None or a function.
        size: Room for so many words; None for all, outside of graphs.

    Returns:
        The words.
    """
    if split is None:
        values = ps.expand_dims(x, 0) if x.ndim == 0 else x
        return Tokens(values, ps.full(values.shape[:-1], values.shape[-1], "int64"))
    if callable(split):
        return _of_function(split(x))
    if split == "character":
        return Tokens(*ps.strings.unicode_split(x, size=size))
    return Tokens(*ps.strings.split(x, size=size))


def _of_function(made: Any) -> Tokens:
    """Understand what a user's function returned."""
    if isinstance(made, ps.ragged.RaggedTensor):
        return Tokens(made.to_dense(""), made.row_lengths())
    if isinstance(made, tuple) and len(made) == 2:
        return Tokens(*made)
    values = ps.asarray(made)
    return Tokens(values, ps.sum(ps.cast(ps.not_equal(values, ""), "int64"), axis=-1))


def grams(words: Tokens, widths: tuple[int, ...]) -> Tokens:
    """Join words to n-grams: first all of the first width, then of the second, with nothing between them."""
    room = words.values.shape[-1]
    parts, valid = [], []
    for width in widths:
        if width > room:
            continue
        part = ps.strings.ngrams(words.values, width)
        begins = ps.arange(0, room - width + 1)
        parts.append(part)
        valid.append(begins <= ps.expand_dims(words.counts, -1) - width)
    if not parts:
        return Tokens(words.values[..., :0], ps.zeros_like(words.counts))
    joined, kept = ps.concat(parts, axis=-1), ps.concat(valid, axis=-1)
    size: Any = joined.shape[-1]
    places = ps.arange(0, size)
    order = ps.argsort(ps.where(kept, places, places + size), axis=-1)
    ordered = ps.take_along_axis(ps.where(kept, joined, ""), order, axis=-1)
    return Tokens(ordered, ps.sum(ps.cast(kept, "int64"), axis=-1))


def windows(x: Any, split: str, widths: tuple[int, ...], count: Callable[[Any], Any]) -> Any:
    """Count the words of texts of any length in a graph: a loop over windows of some words each.

    Args:
        x: [...], string.
        split: "whitespace" or "character".
        widths: Those of n-grams, or ().
        count: Makes [..., size] numbers of [..., n] words, which add up.

    Returns:
        [..., size].
    """
    step = _WINDOW - max(widths, default=1) + 1

    def unread(rest: Any, total: Any) -> Any:
        return ps.any(ps.string_length(rest) > 0)

    def read(rest: Any, total: Any) -> Any:
        words = split_text(rest, split, _WINDOW)
        found = [_beginning(words, width, step) for width in widths or (1,)]
        return _after(rest, split, step), total + count(ps.concat(found, axis=-1))

    nothing = count(ps.broadcast_to("", (*x.shape, 1)))  # "" counts nowhere
    return ps.while_loop(unread, read, (x, nothing))[1]


def _beginning(words: Tokens, width: int, step: int) -> Any:
    """Return the n-grams that begin among the first words, "" where there is none."""
    joined = ps.strings.ngrams(words.values[..., : step + width - 1], width)
    begins = ps.arange(0, step)
    return ps.where(begins <= ps.expand_dims(words.counts, -1) - width, joined, "")


def _after(rest: Any, split: str, step: int) -> Any:
    """Return what follows the first words."""
    if split == "character":
        return ps.string_substr(rest, step, 2**31 - 1, unit="chars")
    return ps.strings.split(rest, maxsplit=step, size=step + 1)[0][..., step]
