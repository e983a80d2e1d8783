"""Words, hashes and records of text against Python, the csv and json modules, and buckets that TensorFlow gives."""

from __future__ import annotations

import base64
import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.annotations import TensorLike

TEXTS = st.lists(st.text(max_size=12), min_size=1, max_size=4)


@settings(deadline=None, max_examples=50)
@given(TEXTS)
def test_words_are_pythons(texts: list[str]) -> None:
    parts, counts = ps.strings.split(texts)
    for row, count, text in zip(parts.tolist(), counts.tolist(), texts, strict=True):
        assert [word.decode() for word in row[:count]] == text.split()
        assert not any(row[count:])


@settings(deadline=None, max_examples=50)
@given(TEXTS, st.integers(-1, 3))
def test_cuts_are_pythons(texts: list[str], maxsplit: int) -> None:
    texts = [text + "," + text for text in texts]
    parts, counts = ps.strings.split(texts, ",", maxsplit)
    for row, count, text in zip(parts.tolist(), counts.tolist(), texts, strict=True):
        assert [word.decode() for word in row[:count]] == text.split(",", maxsplit)


@settings(deadline=None, max_examples=50)
@given(TEXTS)
def test_code_points_and_back(texts: list[str]) -> None:
    codes, counts = ps.strings.unicode_decode(texts)
    for row, count, text in zip(codes.tolist(), counts.tolist(), texts, strict=True):
        assert row[:count] == [ord(c) for c in text]
    assert ps.strings.unicode_encode(codes, counts).tolist() == [t.encode() for t in texts]
    parts, counts = ps.strings.unicode_split(texts)
    joined = ps.strings.reduce_join(parts, -1).tolist()
    assert joined == [t.encode() for t in texts]


def test_joins() -> None:
    x = [["a", "b"], ["c", "d"]]
    assert ps.strings.reduce_join(x, 0, separator="+").tolist() == [b"a+c", b"b+d"]
    assert ps.strings.reduce_join(x, keepdims=True).tolist() == [[b"abcd"]]
    assert ps.strings.ngrams(["a", "b", "c", "d"], 3, "").tolist() == [b"abc", b"bcd"]
    with pytest.raises(ValueError, match="put it into a list"):
        ps.strings.unicode_encode(65)


def test_sizes_in_graphs() -> None:
    cut = ps.function(lambda x: ps.strings.split(x, size=2))
    parts, counts = cut(ps.asarray(["a b c", "d"]))
    assert parts.tolist() == [[b"a", b"b"], [b"d", b""]]
    assert counts.tolist() == [3, 1]
    with pytest.raises(ps.errors.GraphError, match="give size="):
        ps.function(lambda x: ps.strings.split(x))(ps.asarray(["a"]))


# tf.strings.to_hash_bucket_fast(text, 2**40) of the numbers 0, 1, ... joined by commas, cut to these lengths.
FARM = {
    0: 254201053263,
    1: 31063114303,
    3: 1076004581840,
    4: 432059316005,
    7: 669972015423,
    8: 627018646078,
    15: 807240260230,
    16: 95274119918,
    17: 1022215401761,
    32: 86828085210,
    33: 854786238308,
    63: 449966034222,
    64: 658277316359,
    65: 148172792372,
    100: 865615015255,
    128: 970705843275,
    129: 827775749440,
    192: 811156561931,
    193: 489733180010,
    300: 185597507469,
}


def test_fast_buckets_are_tensorflows() -> None:
    line = ",".join(map(str, range(200)))
    texts = [line[:n] for n in FARM]
    got = ps.strings.to_hash_bucket_fast(texts, 2**40).tolist()
    assert dict(zip(FARM, got, strict=True)) == FARM
    # As its manual and that of Keras' Hashing layer show.
    assert ps.strings.to_hash_bucket_fast(["Hello", "TensorFlow", "2.x"], 3).tolist() == [0, 2, 2]


def test_crossed_features() -> None:
    assert ps.strings.cross([["a", "b"], [1.5, 2.0]]).tolist() == [b"a_X_1.5", b"b_X_2.0"]
    places = ps.strings.cross([["a", "b"], ["c", "c"]], 100)
    assert places.tolist() == ps.strings.to_hash_bucket_fast(["a_X_c", "b_X_c"], 100).tolist()
    with pytest.raises(ValueError, match="give one or more"):
        ps.strings.cross([])


def test_hashed_features_keep_products() -> None:
    words = [[f"w{i}" for i in range(20)], [f"w{i}" for i in range(10, 30)]]
    wide = ps.strings.hash_features(words, 1 << 14).numpy()
    assert wide[0] @ wide[1] == 10  # what they share; nothing meets in so many buckets
    assert np.abs(wide).sum() == 40
    assert ps.strings.hash_features(words, 7, signed=False).numpy().sum() == 40
    with pytest.raises(ValueError, match="split it"):
        ps.strings.hash_features("a", 3)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=2), min_size=1, max_size=4))
def test_fields_are_those_of_the_csv_module(rows: list[list[str]]) -> None:
    lines = []
    for row in rows:
        stream = io.StringIO(newline="")
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerow(row)
        lines.append(stream.getvalue())
    got = ps.ops.csv_fields(lines, 2).tolist()
    assert got == [[field.encode() for field in row] for row in rows]


def test_columns_of_csv() -> None:
    lines = ["1,2.5,x,", '3,,"y, z",NA', ",7,,9"]
    a, b, c, d = ps.strings.decode_csv(lines, [-1, 0.5, "none", 8], na_value="NA")
    assert (a.dtype, b.dtype, c.dtype, d.dtype) == ("int64", "float32", "string", "int64")
    assert a.tolist() == [1, 3, -1]
    assert b.tolist() == [2.5, 0.5, 7.0]
    assert c.tolist() == [b"x", b"y, z", b"none"]
    assert d.tolist() == [8, 8, 9]
    (only,) = ps.strings.decode_csv(lines, ["?"], select_cols=[2])
    assert only.tolist() == [b"x", b"y, z", b"?"]
    with pytest.raises(ValueError, match="'' is no number of dtype int32"):
        ps.strings.decode_csv(["1", ""], [ps.int32])
    with pytest.raises(ValueError, match="give one for each"):
        ps.strings.decode_csv(lines, [0], select_cols=[0, 1])
    with pytest.raises(ValueError, match="drop columns afterwards"):
        ps.function(lambda x: ps.strings.decode_csv(x, [0], select_cols=[1]))(ps.asarray(lines))


def test_columns_of_csv_in_a_graph() -> None:
    read = ps.function(lambda x: ps.strings.decode_csv(x, [0, 0.0]))
    for lines in (["1,2", "3,4"], ["5,6"]):
        a, b = read(ps.asarray(lines))
        assert list(zip(a.tolist(), b.tolist(), strict=True)) == [
            tuple(float(v) for v in line.split(",")) for line in lines
        ]


JSON: Any = st.recursive(
    st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=50)
@given(JSON)
def test_fields_of_json(value: Any) -> None:
    (text,) = ps.ops.json_fields(json.dumps({"a": {"b": value}}), ["a.b"]).tolist()
    expected = (
        value
        if isinstance(value, str)
        else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    )
    if isinstance(value, (list, dict)):
        assert json.loads(text) == value
    else:
        assert text.decode() == expected


def test_columns_of_json() -> None:
    lines = ['{"n": 1, "x": {"y": 0.5}, "ok": true}', '{"s": "ä", "n": null}']
    got = ps.strings.decode_json_lines(lines, {"n": -1, "x.y": 0.0, "s": "?", "ok": False})
    assert got["n"].tolist() == [1, -1]
    assert got["x.y"].tolist() == [0.5, 0.0]
    assert got["s"].tolist() == [b"?", "ä".encode()]
    assert got["ok"].tolist() == [True, False]


def test_templates() -> None:
    words, numbers = ["a", "b"], [[1], [2]]
    made = ps.strings.format("<{}={}>", [words, numbers]).tolist()
    assert made == [[b"<a=1>", b"<b=1>"], [b"<a=2>", b"<b=2>"]]
    assert ps.strings.format("% ok", [1.5], placeholder="%").item() == b"1.5 ok"
    for template, tensors in (("{}", []), ("{} {}", [1]), ("none", [])):
        with pytest.raises(ValueError, match="give one placeholder for each tensor"):
            ps.strings.format(template, tensors)
    with pytest.raises(ValueError, match="use text such as"):
        ps.strings.format("a", [1], placeholder="")


# tf.strings.to_hash_bucket_strong of the same texts, with 2**40 buckets and the key (3, 2**40 + 7).
STRONG = {
    0: 747686997638,
    1: 477973627373,
    3: 567510469433,
    7: 930354892603,
    8: 702532375096,
    9: 131012583427,
    15: 941888901778,
    16: 1027443785155,
    17: 229108666425,
    32: 486945485953,
    63: 938015157619,
    64: 45690239189,
    100: 636951217793,
    255: 718641756126,
    256: 247901899652,
    300: 105186439300,
}


def test_strong_buckets_are_tensorflows() -> None:
    line = ",".join(map(str, range(200)))
    texts = [line[:n] for n in STRONG]
    got = ps.strings.to_hash_bucket_strong(texts, 2**40, (3, 2**40 + 7)).tolist()
    assert dict(zip(STRONG, got, strict=True)) == STRONG


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=20))
def test_base64_there_and_back(data: bytes) -> None:
    for pad in (False, True):
        text = ps.strings.encode_base64(data, pad=pad)
        assert base64.urlsafe_b64decode(text.item() + b"==") == data
        assert ps.strings.decode_base64(text).item() == data


def test_defaults_of_csv_may_be_any_single_value() -> None:
    for default in (7, [7], np.int64(7), np.array(7), ps.asarray(7)):
        (column,) = ps.strings.decode_csv(["3", ""], [default])
        assert column.tolist() == [3, 7]
        assert ps.strings.decode_csv("", [default])[0].shape == ()
    with pytest.raises(ps.errors.InvalidValueError, match=r"shape \(2,\); give one value for each"):
        ps.strings.decode_csv(["3"], [[1, 2]])


def test_json_lines_read_what_python_writes_for_nan() -> None:
    found = ps.strings.decode_json_lines(['{"a": NaN}', '{"a": -Infinity}'], {"a": 0.0})["a"]
    np.testing.assert_array_equal(found.numpy(), np.array([np.nan, -np.inf], "float32"))


@pytest.mark.parametrize(
    ("rewrite", "wanted"),
    [(r"[\0]", b"a[b]c"), (r"\0\1", b"abbc"), (r"\\0", b"a\\0c"), (r"\\\0", b"a\\bc")],
)
def test_backslash_0_is_the_whole_match(rewrite: str, wanted: bytes) -> None:
    assert ps.strings.regex_replace("abc", "(b)", rewrite).item() == wanted


def test_pieces_need_room_in_graphs() -> None:
    with pytest.raises(ps.errors.GraphError, match=r"not known while a graph is built; give size="):
        ps.function(lambda x: ps.strings.wordpiece(x, ["[UNK]"])[0])(ps.asarray(["a"]))
    ids, counts = ps.strings.wordpiece(["a b", "", "c"], ["[UNK]", "b"])
    assert ids.tolist() == [[0, 1], [0, 0], [0, 0]]
    assert counts.tolist() == [2, 0, 1]
    nothing = np.empty(0, object)
    assert ps.strings.wordpiece(nothing, ["[UNK]"])[0].shape == (0, 0)


def test_an_op_that_the_native_part_does_not_know_says_what_to_do() -> None:
    def newer(x: TensorLike, /) -> ps.Tensor: ...

    newer.__module__ = "penstock.ops.newer"
    with pytest.raises(ps.errors.InvalidValueError, match=r"no shape rule .*: nox -s dev"):
        ps.op(infer="of_tomorrow")(newer)
    newer.__module__ = "acme.ops"
    with pytest.raises(ps.errors.InvalidValueError, match=r'no shape rule "of_tomorrow"$'):
        ps.op(infer="of_tomorrow", name="acme.newer")(newer)
