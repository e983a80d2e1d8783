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


def grams(words: Tokens, widths: tuple[int, ...]) -> tuple[Any, Any]:
    """Join words to n-grams: all of the first width, then of the second.

    Returns:
        The n-grams, [..., n], and which of them are made of words only, [..., n].
    """
    room = words.values.shape[-1]
    parts, valid = [], []
    for width in widths:
        if width <= room:
            parts.append(ps.strings.ngrams(words.values, width))
            valid.append(_whole(words, width, room - width + 1))
    if not parts:
        return words.values[..., :0], ps.zeros((*words.values.shape[:-1], 0), "bool")
    return ps.concat(parts, axis=-1), ps.concat(valid, axis=-1)


def _whole(words: Tokens, width: int, count: Any) -> Any:
    """Say which of the first n-grams have enough words."""
    return ps.arange(0, count) <= ps.expand_dims(words.counts, -1) - width


def compacted(numbers: Any, valid: Any) -> Any:
    """Move what is valid to the front, in its order; zeros follow."""
    size: Any = numbers.shape[-1]
    places = ps.arange(0, size)
    order = ps.argsort(ps.where(valid, places, places + size), axis=-1)
    return ps.take_along_axis(ps.where(valid, numbers, 0), order, axis=-1)


def windows(x: Any, split: str, widths: tuple[int, ...], count: Callable[[Any, Any], Any]) -> Any:
    """Count the words of texts of any length in a graph: a loop over windows of some words each.

    Args:
        x: [...], string.
        split: "whitespace" or "character".
        widths: Those of n-grams, or ().
        count: Makes [..., size] numbers, which add up, of [..., n] words and which of them count; None for all.

    Returns:
        [..., size].
    """
    step = _WINDOW - max(widths, default=1) + 1

    def unread(rest: Any, total: Any) -> Any:
        return ps.any(ps.string_length(rest) > 0)

    def read(rest: Any, total: Any) -> Any:
        words = split_text(rest, split, _WINDOW)
        return _after(rest, split, step), total + _counted(words, widths, step, count)

    nothing = count(ps.broadcast_to("", (*x.shape, 1)), None)  # "" counts nowhere
    return ps.while_loop(unread, read, (x, nothing))[1]


def _counted(words: Tokens, widths: tuple[int, ...], step: int, count: Any) -> Any:
    """Count the n-grams that begin among the first words."""
    if not widths:
        return count(words.values, None)
    parts = [ps.strings.ngrams(words.values[..., : step + n - 1], n) for n in widths]
    valid = [_whole(words, n, step) for n in widths]
    return count(ps.concat(parts, axis=-1), ps.concat(valid, axis=-1))


def _after(rest: Any, split: str, step: int) -> Any:
    """Return what follows the first words."""
    if split == "character":
        return ps.string_substr(rest, step, 2**31 - 1, unit="chars")
    return ps.strings.split(rest, maxsplit=step, size=step + 1)[0][..., step]
