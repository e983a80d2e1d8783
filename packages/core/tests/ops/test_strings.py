"""String tensors: bytes of any length and content, on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps


@pytest.mark.parametrize(
    "given",
    ["Hello", b"Hello", np.array("Hello"), np.array(b"Hello"), np.array("Hello", object)],
    ids=["str", "bytes", "U", "S", "object"],
)
def test_what_becomes_a_string(given: Any) -> None:
    x = ps.asarray(given)
    assert x.dtype == "string"
    assert x.shape == ()
    assert x.tolist() == b"Hello"


def test_any_byte_is_kept() -> None:
    for value in (b"", b"zero\0", b"\xff\0\x80", "ß".encode(), b"x" * 100_000):
        assert ps.asarray(value).item() == value
        assert ps.asarray([value, b"a"]).tolist() == [value, b"a"]


def test_text_is_written_as_utf8() -> None:
    x = ps.asarray([["a", "ß"], [b"\xff", ""]])
    assert x.shape == (2, 2)
    assert x.tolist() == [[b"a", "ß".encode()], [b"\xff", b""]]
    assert x.numpy().dtype == object


def test_movement() -> None:
    x = ps.asarray([["a", "b"], ["c", "d"]])
    assert ps.reshape(x, (4,)).tolist() == [b"a", b"b", b"c", b"d"]
    assert ps.transpose(x).tolist() == [[b"a", b"c"], [b"b", b"d"]]
    assert ps.concat([x, x]).shape == (4, 2)
    assert x[1, ::-1].tolist() == [b"d", b"c"]
    assert ps.take(x, [1, 1], 1).tolist() == [[b"b", b"b"], [b"d", b"d"]]


def test_comparison() -> None:
    x = ps.asarray(["a", "b"])
    for compare in (lambda x: ps.equal(x, "b"), lambda x: x == "b", lambda x: ~(x != "b")):
        assert compare(x).tolist() == [False, True]
        assert ps.function(compare)(x).tolist() == [False, True]


def test_choice() -> None:
    x = ps.asarray(["a", "b"])
    assert ps.where([True, False], x, "none").tolist() == [b"a", b"none"]


def test_a_value_outlives_what_it_was_made_of() -> None:
    parts = [ps.asarray(["long enough to live on the heap " * 3] * 100)[i] for i in range(3)]
    assert all(part.item().startswith(b"long enough") for part in parts)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x: x + x, r"\[add\] got string; expected .*string_to_number\(x\)"),
        (lambda x: ps.sum(x), r"\[sum\] got string"),
        (lambda x: ps.exp(x), r"\[exp\] got string"),
        (lambda x: x < x, r"\[less\] got string, which has no order; only == and != work"),
        (
            lambda x: x + 1,
            r"\[add\] got string and int64.*strings of the others, penstock\.as_string\(x\)",
        ),
        (
            lambda x: ps.astype(x, "float32"),
            r"\[cast\] .*string to float32; use penstock\.string_to_number",
        ),
        (
            lambda x: ps.astype(1, "string"),
            r"\[cast\] .*int64 to string; use penstock\.as_string\(x\)",
        ),
        (lambda x: ps.full((2,), 0.0, "string"), r"\[full\] got string; .*penstock\.broadcast_to"),
        (lambda x: ps.asarray(["a", 1]), r"mixes strings with int; give strings only"),
        (lambda x: ps.asarray(["a"], "int32"), r"\[cast\] cannot convert string to int32"),
    ],
)
def test_what_strings_cannot_do(call: Any, match: str) -> None:
    with pytest.raises(TypeError, match=match):
        call(ps.asarray(["a"]))


def test_ragged_lists() -> None:
    with pytest.raises(ValueError, match=r"no regular shape.*pad the shorter ones"):
        ps.asarray([["a"], ["b", "c"]])


# ---- ops of strings


def test_text_is_unicode_and_other_bytes_stay() -> None:
    x = ps.asarray(["ÄÖ ß", b"\xffAb\0 "])
    assert ps.string_lower(x).tolist() == ["äö ß".encode(), b"\xffab\0 "]
    assert ps.string_upper(x).tolist() == ["ÄÖ SS".encode(), b"\xffAB\0 "]
    assert ps.string_strip(["  a\tb\n", ""]).tolist() == [b"a\tb", b""]
    assert ps.string_length(x).tolist() == [7, 5]
    assert ps.string_length(x, unit="chars").tolist() == [4, 5]
    assert ps.string_substr(["äöü", "x"], -2, 1, unit="chars").tolist() == ["ö".encode(), b"x"]


def test_numbers_and_back() -> None:
    values = np.array([0.1, -1e-30, 3.4028235e38, 16777216.0], "float32")
    back = ps.string_to_number(ps.as_string(values))
    np.testing.assert_array_equal(back.numpy(), values)
    limits = np.array([2**63 - 1, -(2**63)])
    np.testing.assert_array_equal(
        ps.string_to_number(ps.as_string(limits), "int64").numpy(), limits
    )
    assert ps.as_string([True, False]).tolist() == [b"true", b"false"]


def test_the_hash_is_fnv1a() -> None:
    # From the authors' own list of test vectors.
    known = {"": 0xCBF29CE484222325, "a": 0xAF63DC4C8601EC8C, "foobar": 0x85944171F73967E8}
    for buckets in (1, 7, 2**40, 2**63 - 1):
        got = ps.string_to_hash_bucket(list(known), buckets).tolist()
        assert got == [value % buckets for value in known.values()]


def test_string_ops_of_a_graph() -> None:
    @ps.function
    def f(x: Any) -> Any:
        clean = ps.regex_replace(ps.string_lower(ps.string_strip(x)), "[^a-z]+", "")
        known = ps.regex_full_match(clean, "(cat|dog)s?")
        named = ps.string_join([ps.where(known, clean, "?"), "!"])
        return named, ps.string_to_hash_bucket(clean, 100), ps.string_length(named)

    named, bucket, length = f(ps.asarray([" Cats!", "d-o-g", "bird"]))
    assert named.tolist() == [b"cats!", b"dog!", b"?!"]
    assert length.tolist() == [5, 4, 2]
    assert bucket.tolist() == ps.string_to_hash_bucket(["cats", "dog", "bird"], 100).tolist()


def test_an_error_of_a_graph_names_the_text() -> None:
    f = ps.function(lambda x: ps.string_to_number(x, "int32"))
    assert f(ps.asarray(["12"])).tolist() == [12]
    with pytest.raises(
        ValueError, match=r"\[string_to_number\] 'twelve' is no number of dtype int32"
    ):
        f(ps.asarray(["twelve"]))
