"""What all tokenizers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_models.tokenizers.rows import Frame


class Tokenizer(ABC):
    """Text to rows of token numbers, and back.

    Args:
        frame: What stands around texts.
        max_length: How long a row may be.
        special: Tokens that stand for no text, by their number.

    Raises:
        ValueError: As the kinds of tokenizers say.
    """

    def __init__(self, frame: Frame, max_length: int, special: Mapping[str, int]) -> None:
        self.frame = frame
        self.max_length = max_length
        self.special = dict(special)

    @cached_property
    def tokens(self) -> Sequence[str]:
        """The vocabulary: a token for each number."""
        return self._tokens()

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of each token."""
        return {token: number for number, token in enumerate(self.tokens)}

    @abstractmethod
    def _tokens(self) -> Sequence[str]:
        """Return the vocabulary."""

    @abstractmethod
    def pieces(self, texts: Any, size: int | None = None) -> tuple[Any, Any]:
        """Return numbers without what stands around texts.

        Args:
            texts: [batch], string.
            size: Room for so many; None for all.

        Returns:
            The numbers [batch, size], int32; and how many there are, [batch], int64.
        """

    @abstractmethod
    def text_of(self, tokens: Sequence[str]) -> str:
        """Return the text that tokens stand for."""

    def __call__(
        self, texts: Any, pairs: Any = None, *, length: int | None = None
    ) -> dict[str, Any]:
        """Return rows of token numbers, as networks take them.

        Args:
            texts: A text, or several: strings, or a string tensor [batch].
            pairs: For each text another one that belongs to it.
            length: How long rows are. None: as long as the longest text needs, at most `max_length`, outside graphs.

        Returns:
            "token_ids", "segment_ids" (1 in the second text) and "padding_mask" (1 where there is a token), each
            int32 [batch, length].

        Raises:
            ValueError: The length is above `max_length` or leaves no room for text, or there are no texts.
        """
        given = [as_texts(texts)] + ([] if pairs is None else [as_texts(pairs)])
        extra = self.frame.extra(pairs is not None)
        if length is not None and length > self.max_length:
            raise InvalidValueError(
                f"[tokenizer] got length={length}; the network knows {self.max_length} positions, use at most so many"
            )
        most = None if length is None else max(length - extra, 0)
        found = [self.pieces(some, most) for some in given]
        if length is None:
            longest = np.sum([count.numpy() for _, count in found], axis=0).max(initial=1)
            length = min(max(int(longest), 1) + extra, self.max_length)
            room = max(length - extra, 1)
            found = [(ids[:, :room], count) for ids, count in found]
        return self.frame.rows(found, length)

    def encode(self, text: str) -> list[int]:
        """Return the numbers of one text, in which special tokens may be written out, such as "[MASK]".

        Args:
            text: The text.

        Returns:
            The numbers, with what stands around a text.

        Raises:
            ValueError: Never here.
        """
        numbers: list[int] = [] if self.frame.start is None else [self.frame.start]
        for part, special in _at_special(text, self.special):
            if part:
                numbers += np.asarray(self.pieces(as_texts(part))[0])[0].tolist()
            numbers += [] if special is None else [special]
        return numbers + ([] if self.frame.end is None else [self.frame.end])

    def decode(self, numbers: Any, *, skip_special: bool = True) -> str:
        """Return the text that numbers stand for.

        Args:
            numbers: [length], integers.
            skip_special: Leave tokens out that stand for no text.

        Returns:
            The text.

        Raises:
            ValueError: A number is beyond the vocabulary.
        """
        listed = np.asarray(numbers).ravel().tolist()
        hidden = set(self.special.values()) if skip_special else set()
        size = len(self.tokens)
        for number in listed:
            if not 0 <= number < size:
                raise InvalidValueError(
                    f"[tokenizer] got the number {number}; there are 0 to {size - 1}"
                )
        return self.text_of([self.tokens[number] for number in listed if number not in hidden])


def as_texts(texts: Any) -> Any:
    """Return texts as a string tensor [batch].

    Args:
        texts: A text, or several.

    Raises:
        ValueError: There are none, or they are not in one row.
    """
    found = texts if isinstance(texts, ps.Tensor) else ps.asarray(_listed(texts))
    if found.ndim == 0:
        found = ps.reshape(found, (1,))
    if found.ndim != 1 or (not found.is_symbolic and not found.shape[0]):
        raise InvalidValueError(
            f"[tokenizer] got texts of shape {tuple(found.shape)}; give a text, or a list of at least one"
        )
    return found


def _listed(texts: Any) -> Any:
    several = [texts] if isinstance(texts, str | bytes) else list(texts)
    made = np.empty(len(several), object)  # a list of nothing is of strings too
    made[:] = several
    return made


def _at_special(text: str, special: Mapping[str, int]) -> list[tuple[str, int | None]]:
    """Cut text at special tokens: parts, and the number of the token after each."""
    import re

    if not special:
        return [(text, None)]
    known = "|".join(re.escape(token) for token in sorted(special, key=len, reverse=True))
    parts = re.split(f"({known})", text)
    after = [special.get(token) for token in parts[1::2]]
    return list(zip(parts[::2], [*after, None], strict=True))
