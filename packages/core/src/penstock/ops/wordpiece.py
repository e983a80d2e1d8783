"""Text cut into the pieces of a vocabulary, as BERT and its kin read it. On the host.

Devlin et al., 2018, https://arxiv.org/abs/1810.04805; Wu et al., 2016, https://arxiv.org/abs/1609.08144.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import GraphError
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._text import MIXED, NO_GRADIENT, parted, strings, text_of
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

# Each of these is a word of its own.
_IDEOGRAPHS = (
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF)),
    *((0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0x2F800, 0x2FA1F)),
)
_LONGEST = 1000


@op(infer="string_to_pieces", outputs=2, host_only=True)
def wordpiece_(
    x: TensorLike,
    vocabulary: TensorLike,
    size: int,
    lower: bool = True,
    strip_accents: bool = True,
    split_ideographs: bool = True,
    prefix: str = "##",
    unknown: str = "[UNK]",
    max_characters: int = 100,
) -> tuple[Tensor, Tensor]:
    """Cut texts into words, and words into the longest pieces that a vocabulary has, from the left.

    Control characters are dropped; words end at white space, and each mark of punctuation is a word.

    Args:
        x: [...], string.
        vocabulary: [n], string: the pieces. Those with `prefix` go on with a word, the others begin one.
        size: Room for so many pieces; further ones are left out.
        lower: Make letters small.
        strip_accents: Take the marks above and below letters away.
        split_ideographs: Make a word of each Chinese character.
        prefix: What pieces begin with that go on with a word.
        unknown: The piece that stands for a word that cannot be cut.
        max_characters: A longer word is unknown; at most 1000.

    Returns:
        The pieces' numbers, [..., size], int32, with zeros at the end; and how many there are, [...], int64.

    Raises:
        ValueError: The size is negative, `max_characters` is out of range, or the vocabulary lacks `unknown`.
        TypeError: A tensor is no string tensor.

    Example:
        >>> ids, counts = penstock.ops.wordpiece_(["Unhappy!"], ["[UNK]", "un", "##happy", "!"], 4)
        >>> ids.tolist(), counts.tolist()
        ([[1, 2, 3, 0]], [3])
    """


wordpiece_.not_differentiable(NO_GRADIENT)


@wordpiece_.reference
def _(
    x: Any,
    vocabulary: Any,
    size: int,
    lower: bool,
    strip_accents: bool,
    split_ideographs: bool,
    prefix: str,
    unknown: str,
    max_characters: int,
) -> Any:
    if not 1 <= max_characters <= _LONGEST:
        raise ValueError(f"got max_characters={max_characters}; use 1 to {_LONGEST}")
    numbers: dict[str, int] = {}
    for number, piece in enumerate(vocabulary.tolist()):
        numbers.setdefault(text_of(piece), number)
    if unknown not in numbers:
        raise ValueError(f"the vocabulary has no {unknown!r}; name its piece for unknown words")

    def pieces(item: bytes) -> list[int]:
        found: list[int] = []
        for word in _words(text_of(item), lower, strip_accents, split_ideographs):
            cut = None if len(word) > max_characters else _cut(word, numbers, prefix)
            found += [numbers[unknown]] if cut is None else cut
        return found

    return parted(pieces, x, size, 0, np.int32)


def _words(text: str, lower: bool, strip_accents: bool, split_ideographs: bool) -> Iterator[str]:
    text = "".join(" " if _is_space(c) else c for c in text if not _is_removed(c))
    if split_ideographs:
        text = "".join(f" {c} " if _is_ideograph(c) else c for c in text)
    if strip_accents:
        parts = unicodedata.normalize("NFD", text)
        text = "".join(c for c in parts if unicodedata.category(c) != "Mn")
    if lower:  # letter by letter: a sigma at the end of a word is one like others
        text = "".join(map(str.lower, text))
    for chunk in text.split(" "):
        word = ""
        for c in chunk:
            if not _is_punctuation(c):
                word += c
                continue
            if word:
                yield word
            yield c
            word = ""
        if word:
            yield word


def _cut(word: str, numbers: Mapping[str, int], prefix: str) -> list[int] | None:
    """Take the longest piece again and again; None where there is none."""
    found: list[int] = []
    start = 0
    while start < len(word):
        before = prefix if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if before + word[start:end] in numbers), None)
        if end is None:
            return None
        found.append(numbers[before + word[start:end]])
        start = end
    return found


def _is_space(c: str) -> bool:
    return c in " \t\n\r" or unicodedata.category(c) in ("Zs", "Zl", "Zp")


def _is_removed(c: str) -> bool:
    is_control = unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs") and c not in "\t\n\r"
    return is_control or c == "\ufffd"


def _is_ideograph(c: str) -> bool:
    return any(first <= ord(c) <= last for first, last in _IDEOGRAPHS)


def _is_punctuation(c: str) -> bool:
    if c.isascii():
        return c > " " and not c.isalnum()
    return unicodedata.category(c).startswith("P")


_PIECES = strings(
    *("[UNK]", "the", "quick", "fox", "##es", "##e", "a", "##b", "##c", "ab", "!", "日", "ssig"),
    *("ä", "e", "hello", "12", "##i", "i", "'", "s", "Hello", "Ä", "가", "\u1100", "##\u1161", "σ"),
)
_TEXTS = (
    *(
        "The quick foxes!",
        "abc a bc",
        "",
        " \t\n",
        "日本 fox",
        "éÄ",
        "e\u0301",
        "İ",
        "A\u00a0\u200bB",
    ),
    *("fox's", "a" * 120, "a\x00b\x07", "\ufffd a", "가", "ΣΣ", "😀 fox", "\u037e", "ﬁ", "᾿Α"),
)


@wordpiece_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    texts = strings(*_TEXTS, *MIXED, b"\xff a\xc2", b"\xed\xa0\x80")
    yield Sample((texts, _PIECES, 6), label="texts")
    for lower, bare, apart in ((False, False, False), (True, False, True), (False, True, True)):
        how = {"lower": lower, "strip_accents": bare, "split_ideographs": apart}
        yield Sample((texts, _PIECES, 5), how, label=f"{lower} {bare} {apart}")
    yield Sample((texts, _PIECES, 0), label="no room")
    yield Sample((strings(*MIXED).reshape(2, 3).T, _PIECES, 3), label="strided")
    yield Sample((strings("foxes").reshape(()), _PIECES, 2), label="0-d")
    yield Sample((np.empty((0, 3), object), _PIECES, 2), label="empty")
    other = {"prefix": "", "unknown": "?", "max_characters": 3}
    yield Sample((strings("abba", "aba", "b c"), strings("?", "a", "b"), 4), other, label="other")
    many = strings("[UNK]", *(f"{n:x}" for n in range(2000)), *(f"##{n:x}" for n in range(500)))
    asked = strings(*(f"{n:x} {n:d}" for n in rng.integers(0, 10**9, 3000).tolist()))
    yield Sample((asked, many, 12), label="large")


@wordpiece_.rejects
def _() -> Iterator[Reject]:
    texts = strings("a")
    match = r"is int64; expected string; convert it: penstock.as_string"
    yield Reject((np.array([1]), texts, 1), error=TypeError, match=f"x {match}")
    yield Reject((texts, np.array([1]), 1), error=TypeError, match=f"vocabulary {match}")
    yield Reject((texts, texts, 1), match=r"the vocabulary has no '\[UNK\]'; name its piece")
    yield Reject((texts, texts.reshape(1, 1), 1), match=r"\[pieces\]; reshape it")
    yield Reject((texts, texts, -1), match="got size=-1; it must not be negative")
    for most in (0, 1001):
        more = {"unknown": "a", "max_characters": most}
        yield Reject((texts, texts, 1), more, match=f"got max_characters={most}; use 1 to 1000")


def wordpiece(
    x: TensorLike,
    vocabulary: TensorLike,
    *,
    size: int | None = None,
    lower: bool = True,
    strip_accents: bool = True,
    split_ideographs: bool = True,
    prefix: str = "##",
    unknown: str = "[UNK]",
    max_characters: int = 100,
) -> tuple[Tensor, Tensor]:
    """Cut texts into the longest pieces that a vocabulary has, as BERT reads them.

    Args:
        x: [...], string.
        vocabulary: [n], string: the pieces. Those with `prefix` go on with a word, the others begin one.
        size: Room for so many pieces; further ones are left out. None makes room for all, outside graphs.
        lower: Make letters small.
        strip_accents: Take the marks above and below letters away.
        split_ideographs: Make a word of each Chinese character.
        prefix: What pieces begin with that go on with a word.
        unknown: The piece that stands for a word that cannot be cut.
        max_characters: A longer word is unknown; at most 1000.

    Returns:
        The pieces' numbers, [..., size], int32, with zeros at the end; and how many there are, [...], int64.

    Raises:
        ValueError: The size is negative, `max_characters` is out of range, or the vocabulary lacks `unknown`.
        TypeError: A tensor is no string tensor.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> ids, counts = penstock.strings.wordpiece("foxes", ["[UNK]", "fox", "##es"])
        >>> ids.tolist(), counts.item()
        ([1, 2], 2)
    """
    x, vocabulary = asarray(x), asarray(vocabulary)
    how = (lower, strip_accents, split_ideographs, prefix, unknown, max_characters)
    if size is None:
        if x.is_symbolic:
            raise GraphError(
                "[wordpiece] how many pieces there are depends on the data, and is not known while a graph is built; "
                "give size=..."
            )
        counts = np.asarray(wordpiece_(x, vocabulary, 0, *how)[1])
        size = int(counts.max()) if counts.size else 0
    return wordpiece_(x, vocabulary, size, *how)
