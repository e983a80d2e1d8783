"""Subwords: what goes in comes out, and the pairs are those that a plain count would merge."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import FormatError, InvalidValueError
from penstock_models.tokenizers.subwords import BYTES, PIECES, SPECIAL, Subwords, _replace

TEXTS = ["low lower lowest, low!", "new newer newest", "Straße  und straße\n", "neu neuer neueste"]
WORDS = Subwords.train(TEXTS, 300)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_comes_back(text: str) -> None:
    assert WORDS.decode(WORDS.encode(text)) == text


@given(st.lists(st.integers(0, 299), max_size=20))
def test_every_row_of_numbers_is_some_text(numbers: list[int]) -> None:
    known = [n for n in numbers if n < len(WORDS)]
    assert isinstance(WORDS.decode(known), str)


def plain(texts: list[str], size: int) -> list[tuple[int, int]]:
    """Count all pairs anew before each merge."""
    counts = Counter(piece for text in texts for piece in PIECES.findall(text))
    pieces = {p: [SPECIAL + byte for byte in p.encode()] for p in counts}
    merges: list[tuple[int, int]] = []
    while SPECIAL + BYTES + len(merges) < size:
        pairs: Counter[tuple[int, int]] = Counter()
        for piece, numbers in pieces.items():
            for pair in pairwise(numbers):
                pairs[pair] += counts[piece]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        merges.append(best)
        made = SPECIAL + BYTES + len(merges) - 1
        pieces = {p: _replace(numbers, best, made) for p, numbers in pieces.items()}
    return merges


@given(st.lists(st.text("ab c", max_size=12), max_size=5))
def test_pairs_are_merged_by_how_often_they_occur(texts: list[str]) -> None:
    assert Subwords.train(texts, 270).merges == plain(texts, 270)


def test_frequent_words_are_one_number() -> None:
    assert len(WORDS.encode("neu neuer")) < 5
    assert len(WORDS.encode("zebra")) == 5
    assert WORDS.merges == plain(TEXTS, 300)


def test_subwords_are_read_as_they_were_written(tmp_path: Path) -> None:
    WORDS.save(tmp_path / "words.json")
    assert Subwords.load(tmp_path / "words.json").merges == WORDS.merges
    (tmp_path / "broken.json").write_text('{"merges": [[1]]}')
    with pytest.raises(FormatError, match="holds no merged pairs"):
        Subwords.load(tmp_path / "broken.json")


def test_mistakes_are_told() -> None:
    with pytest.raises(InvalidValueError, match="expected 259 or more"):
        Subwords.train([], 100)
    with pytest.raises(InvalidValueError, match="give the pairs in the order of `train`"):
        Subwords([(300, 301)])
