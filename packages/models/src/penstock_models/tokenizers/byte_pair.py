"""Byte-level BPE, the tokenizer of GPT-2 and RoBERTa: every text has numbers, and gets all its bytes back.

Sennrich et al., 2016, https://arxiv.org/abs/1508.07909; Radford et al., 2019, "Language models are unsupervised
multitask learners".
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import GraphError, InvalidValueError
from penstock_models.tokenizers.rows import Frame
from penstock_models.tokenizers.tokenizer import Tokenizer


class BytePairTokenizer(Tokenizer):
    """Join the bytes of words, the most common pair first, as far as a list of merges goes.

    Args:
        vocabulary: The number of each token; a token is written with a visible letter for each byte.
        merges: Pairs of tokens that become one, the first first.
        special: The numbers of tokens that stand for no text, such as "<|endoftext|>".
        start: The token before texts; None for nothing.
        end: The token after texts; None for nothing.
        between: The tokens between two texts.
        padding: The token that fills rows up; by default number 0, which the mask hides.
        max_length: How long a row may be.
        add_space: Begin texts with a space, so that their first word is one like others.

    Raises:
        ValueError: A merge makes something that the vocabulary has not got, or it lacks a special token.

    >>> letters = {c: i for i, c in enumerate(byte_letters())}
    >>> few = BytePairTokenizer({**letters, "ab": 256, "Ġab": 257}, [("a", "b"), ("Ġ", "ab")])
    >>> few.encode("ab ab!")
    [256, 257, 33]
    >>> few.decode([256, 257, 33])
    'ab ab!'
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        special: Sequence[str] = (),
        start: str | None = None,
        end: str | None = None,
        between: Sequence[str] = (),
        padding: str | None = None,
        max_length: int = 1024,
        add_space: bool = False,
    ) -> None:
        self._vocabulary = dict(vocabulary)
        for first, second in merges:
            if first + second not in self._vocabulary:
                raise InvalidValueError(
                    f"[BytePairTokenizer] the merge {first!r} {second!r} makes a token that the vocabulary has not got; "
                    "give the vocabulary and the merges of one model"
                )
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._known: dict[str, list[int]] = {}
        self.add_space = add_space
        frame = Frame(
            self._number(start),
            tuple(self._vocabulary[token] for token in between),
            self._number(end),
            self._number(padding) or 0,
        )
        super().__init__(frame, max_length, {t: self._vocabulary[t] for t in special})

    def _number(self, token: str | None) -> int | None:
        if token is not None and token not in self._vocabulary:
            raise InvalidValueError(f"[BytePairTokenizer] the vocabulary has no {token!r}")
        return None if token is None else self._vocabulary[token]

    def _tokens(self) -> Sequence[str]:
        tokens = [""] * (max(self._vocabulary.values(), default=-1) + 1)
        for token, number in self._vocabulary.items():
            tokens[number] = token
        return tokens

    def pieces(self, texts: Any, size: int | None = None) -> tuple[Any, Any]:
        """Return numbers without what stands around texts; see `Tokenizer.pieces`.

        Raises:
            GraphError: The texts are computed in a graph: this tokenizer is Python.
        """
        if texts.is_symbolic:
            raise GraphError(
                "[BytePairTokenizer] the texts are computed in a graph; call it before, and give the graph its rows"
            )
        rows = [self._numbers(text.decode("utf-8", "replace")) for text in texts.tolist()]
        room = max(map(len, rows), default=0) if size is None else size
        ids = np.zeros((len(rows), room), np.int32)
        for row, numbers in zip(ids, rows, strict=True):
            row[: len(numbers)] = numbers[:room]
        return ps.asarray(ids), ps.asarray([len(row) for row in rows], dtype="int64")

    def _numbers(self, text: str) -> list[int]:
        if self.add_space and text and not text.startswith(" "):
            text = f" {text}"
        return [number for word in _words().findall(text) for number in self._of_word(word)]

    def _of_word(self, word: str) -> list[int]:
        if word not in self._known:
            if len(self._known) > 100_000:
                self._known.clear()
            letters = byte_letters()
            parts = self._joined([letters[byte] for byte in word.encode("utf-8", "replace")])
            self._known[word] = [self._vocabulary[part] for part in parts]
        return self._known[word]

    def _joined(self, parts: list[str]) -> list[str]:
        """Join the pair that comes first among the merges, everywhere, again and again."""
        last = len(self._ranks)
        while len(parts) > 1:
            pairs = list(pairwise(parts))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, last))
            if best not in self._ranks:
                break
            parts = list(_merged(parts, best))
        return parts

    def text_of(self, tokens: Sequence[str]) -> str:
        """Return the text whose bytes the tokens are; bytes that are no UTF-8 become U+FFFD."""
        numbers = {letter: byte for byte, letter in enumerate(byte_letters())}
        text = b"".join(
            bytes([numbers[c]]) if c in numbers else c.encode() for token in tokens for c in token
        )
        return text.decode("utf-8", "replace")


def _merged(parts: Sequence[str], pair: tuple[str, str]) -> Iterator[str]:
    i = 0
    while i < len(parts):
        joins = i + 1 < len(parts) and (parts[i], parts[i + 1]) == pair
        yield pair[0] + pair[1] if joins else parts[i]
        i += 2 if joins else 1


@cache
def byte_letters() -> Sequence[str]:
    """Return a visible letter for each byte: itself where it is one, else one from U+0100 on."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = iter(range(0x100, 0x200))
    return [chr(byte if byte in visible else next(hidden)) for byte in range(256)]


@cache
def _words() -> re.Pattern[str]:
    """Return what cuts a text: endings of English, letters, digits, other signs, each with a space before; spaces."""
    letter, digit = _category("L"), _category("N")
    return re.compile(
        rf"'(?:[sdmt]|ll|ve|re)| ?[{letter}]+| ?[{digit}]+| ?[^\s{letter}{digit}]+|\s+(?!\S)|\s+"
    )


def _category(first: str) -> str:
    """Return the ranges of characters whose category begins so, for a class of a regular expression."""
    codes = [c for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c))[0] == first]
    ends = [c for c, after in zip(codes, [*codes[1:], -1], strict=True) if after != c + 1]
    starts = [c for c, before in zip(codes, [-2, *codes[:-1]], strict=True) if before != c - 1]
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(starts, ends, strict=True))
