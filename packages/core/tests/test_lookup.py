"""Lookup tables against dictionaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps

WORDS = st.lists(st.binary(max_size=6), max_size=12, unique=True)


@settings(deadline=None, max_examples=50)
@given(WORDS, st.lists(st.binary(max_size=6), min_size=1, max_size=8))
def test_strings_are_found(keys: list[bytes], asked: list[bytes]) -> None:
    numbers = {key: i * i for i, key in enumerate(keys)}
    asked = asked + keys
    strings = np.array([*keys, None], object)[:-1]  # of that dtype, even if there are none
    table = ps.lookup.StaticHashTable(strings, np.array(list(numbers.values()), "int64"), -7)
    assert table(asked).tolist() == [numbers.get(word, -7) for word in asked]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-(2**40), 2**40), max_size=9, unique=True), st.integers(-5, 5))
def test_numbers_are_found(keys: list[int], other: int) -> None:
    places = {key: i for i, key in enumerate(keys)}
    asked = [*keys, other]
    table = ps.lookup.StaticHashTable(np.array(keys, "int64"), np.arange(len(keys)), -1)
    assert len(table) == len(keys)
    assert table(np.array(asked)).tolist() == [places.get(key, -1) for key in asked]


def test_every_dtype_of_values() -> None:
    for values, default in (([1.5, 2.5], 0.0), (["x", "y"], "?"), ([True, False], True)):
        table = ps.lookup.StaticHashTable(["a", "b"], values, default)
        wanted = [v.encode() if isinstance(v, str) else v for v in (values[1], default, values[0])]
        assert table([["b", "c", "a"]]).tolist() == [wanted]
    assert (table.key_dtype, table.value_dtype) == ("string", "bool")


def test_vocabulary_there_and_back() -> None:
    words = ["the", "quick", "brown", "fox"]
    table = ps.lookup.VocabularyTable(words, 3)
    assert len(table) == 7
    assert table(words).tolist() == [0, 1, 2, 3]
    buckets = ps.strings.to_hash_bucket_fast(["dog", ""], 3).numpy() + 4
    np.testing.assert_array_equal(table(["dog", ""]).numpy(), buckets)
    assert table.inverse([[3, 0], [5, -1]]).tolist() == [[b"fox", b"the"], [b"[UNK]"] * 2]
    numbers = ps.lookup.VocabularyTable([30, 10], 0)
    assert numbers([10, 30, 20]).tolist() == [1, 0, -1]
    assert numbers.inverse([1, 2]).tolist() == [10, -1]
    assert ps.lookup.VocabularyTable(np.empty(0, object), 1)("a").item() == 0


def test_in_a_graph() -> None:
    table = ps.lookup.VocabularyTable(["a", "b"], 1)
    number = ps.function(lambda x: table(ps.strings.split(x, size=2)[0]))
    assert number(ps.asarray(["b a", "c b"])).tolist() == [[1, 0], [2, 1]]
    assert number(ps.asarray(["a a", "b", "c"])).tolist() == [[0, 0], [1, 2], [2, 2]]


def test_files_of_words(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("ä\t3\nb\t1\r\n".encode())
    assert ps.lookup.read_vocabulary(path) == ["ä".encode(), b"b"]
    assert ps.lookup.read_vocabulary(path, column=1) == [b"3", b"1"]
    with pytest.raises(ValueError, match="has 2 columns; use column=0 to 1"):
        ps.lookup.read_vocabulary(path, column=2)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: ps.lookup.StaticHashTable(["a"], [1, 2], 0), ValueError, "as many of both"),
        (lambda: ps.lookup.StaticHashTable(["a", "a"], [1, 2], 0), ValueError, "twice.*remove one"),
        (
            lambda: ps.lookup.StaticHashTable([1.5], [1], 0),
            TypeError,
            "expected strings or integers",
        ),
        (lambda: ps.lookup.StaticHashTable(["a"], [1], "b"), TypeError, "give one of that dtype"),
        (lambda: ps.lookup.VocabularyTable(["a"], -1), ValueError, "use 0 or more"),
        (lambda: ps.lookup.VocabularyTable("a"), ValueError, r"expected a list, \[n\]; reshape"),
        (lambda: ps.lookup.VocabularyTable(["a"])([1]), TypeError, "penstock.as_string"),
        (lambda: ps.lookup.VocabularyTable([1])(["a"]), TypeError, "penstock.strings.to_number"),
    ],
)
def test_what_is_refused(make: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        make()


@pytest.mark.parametrize(("dtype", "default"), [("int64", 0.5), ("int8", 300), ("uint8", -1)])
def test_a_default_that_the_values_cannot_hold_is_refused(dtype: str, default: float) -> None:
    values = ps.asarray([1], dtype=dtype)
    with pytest.raises(ps.errors.DTypeError, match=f"which {dtype} does not hold; give values of"):
        ps.lookup.StaticHashTable(["a"], values, default)
    assert ps.lookup.StaticHashTable(["a"], values, 2.0)(["?"]).tolist() == [2]
