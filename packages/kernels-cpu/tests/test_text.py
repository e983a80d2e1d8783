"""String kernels against Python: every kind of broken UTF-8, white space of every alphabet, many strings at once."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.registry import op_blocks

PIECES = (
    *(b"a", b" ", b"\t", b",", b"ab", "ä".encode(), "日".encode(), "𝄞".encode(), b"\xff", b"\xc3"),
    *(b"\xe2\x82", b"\xf0\x9d\x84", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x80"),
    *("\u3000".encode(), "\u2028".encode(), "\x85".encode(), "\xa0".encode(), b"\x1c", b"\0"),
)
TEXTS = st.lists(
    st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join), min_size=1, max_size=5
)
relaxed = settings(deadline=None, max_examples=150)


def given_strings(texts: list[bytes]) -> Any:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def reference(name: str, *args: Any, **kwargs: Any) -> Any:
    return op_blocks(name)[name].reference_fn(*args, **kwargs)


def same(actual: Any, expected: Any) -> None:
    many = isinstance(expected, tuple)
    for a, e in zip(actual if many else [actual], expected if many else [expected], strict=True):
        assert a.tolist() == e.tolist()


@relaxed
@given(TEXTS)
def test_lengths_and_white_space(texts: list[bytes]) -> None:
    x = given_strings(texts)
    for unit in ("bytes", "chars"):
        same(ps.strings.length(x, unit=unit), reference("string_length", x, unit=unit))
    same(ps.strings.strip(x), reference("string_strip", x))


@relaxed
@given(TEXTS, st.integers(-9, 9), st.integers(0, 9), st.sampled_from(["bytes", "chars"]))
def test_parts(texts: list[bytes], start: int, length: int, unit: str) -> None:
    x = given_strings(texts)
    how = {"start": start, "length": length, "unit": unit}
    same(ps.strings.substr(x, **how), reference("string_substr", x, **how))  # type: ignore[arg-type]


@relaxed
@given(TEXTS, st.sampled_from(["", ",", "a", "ab", " a"]), st.integers(-1, 3), st.integers(0, 4))
def test_splits(texts: list[bytes], separator: str, maxsplit: int, size: int) -> None:
    x = given_strings(texts)
    how = {"size": size, "separator": separator, "maxsplit": maxsplit}
    same(ps.ops.string_split_(x, **how), reference("string_split", x, **how))  # type: ignore[arg-type]


@relaxed
@given(TEXTS, st.integers(0, 6))
def test_characters_and_codes(texts: list[bytes], size: int) -> None:
    x = given_strings(texts)
    for unit in ("bytes", "chars"):
        expected = reference("string_chars", x, size=size, unit=unit)
        same(ps.ops.string_chars_(x, size, unit), expected)
    same(ps.ops.unicode_decode_(x, size), reference("unicode_decode", x, size=size))


@relaxed
@given(TEXTS, st.sampled_from(["", "a", "ab", "ä", ","]))
def test_questions(texts: list[bytes], text: str) -> None:
    x = given_strings(texts)
    same(ps.strings.startswith(x, text), reference("string_startswith", x, prefix=text))
    same(ps.strings.endswith(x, text), reference("string_endswith", x, suffix=text))
    same(ps.strings.contains(x, text), reference("string_contains", x, text=text))


@relaxed
@given(TEXTS, TEXTS)
def test_places(texts: list[bytes], words: list[bytes]) -> None:
    x, rising = given_strings(texts), given_strings(sorted(words))
    same(ps.strings.search(x, rising), reference("string_search", x, rising))


@pytest.mark.parametrize("size", [*range(70), 127, 128, 129, 191, 192, 193, 1000])
def test_hashes(size: int) -> None:
    rng = np.random.default_rng(size)
    x = given_strings([rng.integers(0, 256, size, dtype="uint8").tobytes() for _ in range(20)])
    for name in ("string_to_hash_bucket", "string_to_hash_bucket_fast"):
        for buckets in (7, 2**63 - 1):
            hashed = getattr(ps.ops, name)(x, buckets)
            same(hashed, reference(name, x, num_buckets=buckets))


def test_joins_of_views() -> None:
    x = given_strings([b"a", b"bb", b"", b"dd", "é".encode(), b"\xff"]).reshape(2, 3)
    for other in (x, x[:1], x[:, :1], x[0], given_strings([b"-"]).reshape(())):
        got = ps.strings.join([x, other, other], "+")
        rows = np.broadcast_arrays(x, other)
        expected = [b"+".join((a, b, b)) for a, b in zip(*(r.ravel() for r in rows), strict=True)]
        assert ps.reshape(got, (-1,)).tolist() == expected
    same(ps.strings.ngrams(x.T, 2, "/"), reference("string_ngrams", x.T, width=2, separator="/"))
    for axis in (0, 1):
        expected = reference("string_reduce_join", x, axis=axis, keepdims=False, separator="|")
        same(ps.strings.reduce_join(x, axis, separator="|"), expected)


def test_many_strings_at_once() -> None:
    x = given_strings([b"%d " % i * (i % 5) for i in range(20_000)])
    parts, counts = ps.strings.split(x)
    assert counts.tolist() == [i % 5 for i in range(20_000)]
    assert parts[-1].tolist() == [b"19999"] * 4
    assert ps.strings.length(x).numpy().sum() == sum(map(len, x))


def test_plans_forget_longer_strings() -> None:
    cut = ps.function(lambda x: ps.strings.split(x, size=3)[0])
    assert cut(ps.asarray(["a b c"])).tolist() == [[b"a", b"b", b"c"]]
    assert cut(ps.asarray(["d"])).tolist() == [[b"d", b"", b""]]


WORDS = given_strings(
    [
        *(b"[UNK]", b"a", b"##a", b"ab", b"##b", b",", b"i", b"e"),
        *(c.encode() for c in ("a\u0301", "ä", "日", "##日", "##\u0307", "\u1100", "##\u1161")),
    ]
)
LETTERS = (*PIECES, *(c.encode() for c in ("é", "İ", "\u0307", "가", "Σ", "\u200b", "¿", "\u0344")))


@relaxed
@given(
    st.lists(st.lists(st.sampled_from(LETTERS), max_size=9).map(b"".join), min_size=1, max_size=5),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.integers(0, 6),
    st.integers(1, 7),
)
def test_pieces_of_words(
    texts: list[bytes], rules: tuple[bool, bool, bool], size: int, longest: int
) -> None:
    x = given_strings(texts)
    how = dict(zip(("lower", "strip_accents", "split_ideographs"), rules, strict=True))
    got = ps.strings.wordpiece(x, WORDS, size=size, max_characters=longest, **how)  # type: ignore[arg-type]
    more = {"prefix": "##", "unknown": "[UNK]", "max_characters": longest}
    same(got, reference("wordpiece", x, WORDS, size=size, **how, **more))


def test_pieces_of_every_character() -> None:
    # Those of an old version of Unicode: what is new in Python's tables may not be in the kernel's.
    every = (chr(c) for c in range(0x11000) if not 0xD800 <= c < 0xE000)
    letters = [c for c in every if unicodedata.ucd_3_2_0.category(c) != "Cn"]
    x = given_strings([f"a{c}a {c}".encode() for c in letters])
    how = {"size": 8, "lower": True, "strip_accents": True, "split_ideographs": True}
    more = {"prefix": "##", "unknown": "[UNK]", "max_characters": 100}
    same(ps.strings.wordpiece(x, WORDS, size=8), reference("wordpiece", x, WORDS, **how, **more))


def test_a_plan_keeps_its_vocabulary() -> None:
    words = ps.asarray(["[UNK]", "fox", "##es"])
    cut = ps.function(lambda x: ps.strings.wordpiece(x, words, size=3))
    for texts in (["Foxes fox"], ["es", "foxfox"], ["fox"]):
        expected = ps.strings.wordpiece(texts, words, size=3)
        same(cut(ps.asarray(texts)), tuple(np.asarray(t) for t in expected))
    assert cut(ps.asarray(["Foxes fox"]))[0].tolist() == [[1, 2, 1]]
