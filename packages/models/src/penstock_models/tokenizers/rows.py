"""Rows of token numbers: what stands before, between and after texts, cut and filled up to one length. Plain ops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError


@dataclass(frozen=True)
class Frame:
    """What stands around texts.

    Args:
        start: The token before the first text; None for nothing.
        between: The tokens between a text and the one that belongs to it.
        end: The token after the last text; None for nothing.
        padding: The token that fills rows up.

    Raises:
        ValueError: Never here.
    """

    start: int | None
    between: tuple[int, ...]
    end: int | None
    padding: int

    def extra(self, is_pair: bool) -> int:
        """Return how many places of a row are not for texts."""
        ends = (self.start is not None) + (self.end is not None)
        return ends + (len(self.between) if is_pair else 0)

    def rows(self, texts: list[tuple[Any, Any]], length: int) -> dict[str, Any]:
        """Return rows of one length.

        Args:
            texts: One or two of: token numbers [batch, n], and how many of them count [batch].
            length: How long rows are. Of two texts the longer one is cut first.

        Returns:
            "token_ids", "segment_ids" and "padding_mask", int32 [batch, length].

        Raises:
            ValueError: The length leaves no room for text.
        """
        room = length - self.extra(len(texts) > 1)
        if room < 1:
            raise InvalidValueError(
                f"[tokenizer] got length={length}; use at least {length - room + 1}, or there is no room for text"
            )
        counts = _cut([count for _, count in texts], room)
        parts = self._parts([ids for ids, _ in texts], counts)
        # Every token that may be needed side by side, and for each place of a row which of them stands there.
        batch = texts[0][0].shape[0]
        columns = [
            p if p.ndim == 2 else ps.broadcast_to(p[None], (batch, p.shape[0])) for p, _ in parts
        ]
        padding = ps.full((batch, 1), self.padding, "int32")
        source = ps.concat([*columns, padding], axis=1)
        places = ps.asarray(np.arange(length)[None])  # a constant, also for C++
        begin = ps.zeros((batch, 1), "int64")
        index = ps.broadcast_to(ps.asarray(source.shape[1] - 1, dtype="int64"), (batch, length))
        second = None
        offset: Any = 0
        for k, (column, (_, count)) in enumerate(zip(columns, parts, strict=True)):
            inside = (places >= begin) & (places < begin + count)
            index = ps.where(inside, places - begin + offset, index)
            begin, offset = begin + count, offset + column.shape[1]
            if len(texts) > 1 and k == self._last_of_first():
                second = begin
        mask = places < begin
        segments = ps.zeros_like(mask) if second is None else mask & (places >= second)
        return {
            "token_ids": ps.take_along_axis(source, index, axis=1),
            "segment_ids": ps.cast(segments, "int32"),
            "padding_mask": ps.cast(mask, "int32"),
        }

    def _last_of_first(self) -> int:
        """Return which part is the last of the first segment: what stands between belongs to it."""
        return (self.start is not None) + bool(self.between)

    def _parts(self, texts: list[Any], counts: list[Any]) -> list[tuple[Any, Any]]:
        """Return tokens [n] or [batch, n], and how many of them count, from the start of a row to its end."""
        pieces = list(zip(texts, counts, strict=True))
        if len(pieces) > 1 and self.between:
            pieces.insert(1, (ps.asarray(self.between, dtype="int32"), len(self.between)))
        if self.start is not None:
            pieces.insert(0, (ps.asarray([self.start], dtype="int32"), 1))
        if self.end is not None:
            pieces.append((ps.asarray([self.end], dtype="int32"), 1))
        return pieces


def _cut(counts: list[Any], room: int) -> list[Any]:
    """Return how many tokens of each text are kept, [batch, 1]."""
    if len(counts) == 1:
        return [ps.minimum(counts[0], room)[:, None]]
    first, second = counts
    half = room // 2
    shorter = ps.minimum(first, second)
    # The shorter text stays whole if it has at most half of the room; else both get half, and the longer the odd one.
    kept = ps.where(shorter <= half, shorter, half)
    rest = room - kept
    is_first = first <= second
    return [
        ps.minimum(first, ps.where(is_first, kept, rest))[:, None],
        ps.minimum(second, ps.where(is_first, rest, kept))[:, None],
    ]
