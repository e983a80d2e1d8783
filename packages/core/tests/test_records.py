"""TFRecord files and Examples, against their specification and, where it is installed, TensorFlow."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import _native
from penstock.errors import FormatError, InvalidTypeError, InvalidValueError
from penstock.records import (
    FixedLenFeature,
    RaggedFeature,
    RecordReader,
    RecordWriter,
    VarLenFeature,
    make_example,
    parse_example,
    parse_single_example,
)


def _crc32c(data: bytes) -> int:
    """The checksum, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> int:
    crc = _crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def test_the_checksum_is_that_of_the_specification() -> None:
    assert _crc32c(b"123456789") == 0xE3069283  # of RFC 3720
    assert _native.masked_crc32c(b"123456789") == _masked(b"123456789")


@given(st.binary(max_size=70))
def test_checksums_of_all_lengths(data: bytes) -> None:
    assert _native.masked_crc32c(data) == _masked(data)


def _framed(record: bytes) -> bytes:
    length = struct.pack("<Q", len(record))
    return length + struct.pack("<I", _masked(length)) + record + struct.pack("<I", _masked(record))


@settings(max_examples=30, deadline=None)
@given(
    records=st.lists(st.binary(max_size=40), max_size=12),
    kind=st.sampled_from(["", "GZIP", "ZLIB"]),
)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], kind: str
) -> None:
    path = tmp_path_factory.mktemp("records") / "a.tfrecord"
    with RecordWriter(path, kind) as out:
        for record in records:
            out.write(record)
    if not kind:
        assert path.read_bytes() == b"".join(map(_framed, records))
    assert list(RecordReader(path, kind)) == records


def test_large_records_and_positions(tmp_path: Path) -> None:
    path = tmp_path / "large.tfrecord"
    records = [bytes([n]) * n * 300_000 for n in range(1, 9)]
    with RecordWriter(path) as out:
        for record in records:
            out.write(record)
    with RecordReader(path) as reader:
        first = reader.read(1)
        where = reader.offset, reader.number
        assert [first[0].item()] == records[:1]
        again = RecordReader(path)
        again.seek(*where)
        assert list(again) == records[1:]


@pytest.mark.parametrize("kind", ["GZIP", "ZLIB"])
def test_positions_in_compressed_files(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tfrecord"
    records = [b"x" * n for n in range(50)]
    with RecordWriter(path, kind) as out:
        for record in records:
            out.write(record)
    with RecordReader(path, kind) as reader:
        reader.read(20)
        where = reader.offset, reader.number
    again = RecordReader(path, kind)
    again.seek(*where)
    assert list(again) == records[20:]


def _damaged(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Return a file with three records of 10 bytes; each takes 26."""
    path = tmp_path / "three.tfrecord"
    with RecordWriter(path) as out:
        for letter in (b"a", b"b", b"c"):
            out.write(letter * 10)
    return path


def test_a_damaged_record_is_named_and_the_next_one_read(three: Path) -> None:
    _damaged(three, 26 + 15)
    with RecordReader(three) as reader:
        assert reader.read(5).tolist() == [b"a" * 10]
        with pytest.raises(
            FormatError,
            match=r"three.tfrecord: record 1, which begins at byte 26, is damaged: .*copy\s+the file again",
        ):
            reader.read(5)
        assert reader.read(5).tolist() == [b"c" * 10]


def test_a_damaged_length_ends_the_file(three: Path) -> None:
    _damaged(three, 26)
    with RecordReader(three) as reader:
        reader.read(5)
        with pytest.raises(FormatError, match=r"record 1, .*its length does not match"):
            reader.read(5)
        assert reader.read(5).shape == (0,)


def test_checksums_may_be_left_unread(three: Path) -> None:
    _damaged(three, 26 + 15)
    assert len(list(RecordReader(three, verify=False))) == 3


@pytest.mark.parametrize("size", [27, 40, 51])
def test_a_file_that_is_cut_off(three: Path, size: int) -> None:
    three.write_bytes(three.read_bytes()[:size])
    with RecordReader(three) as reader:
        assert reader.read(5).shape == (1,)
        with pytest.raises(
            FormatError, match="ends within record 1, which begins at byte 26; copy"
        ):
            reader.read(5)
        assert reader.read(5).shape == (0,)


def test_the_wrong_compression(three: Path, tmp_path: Path) -> None:
    with (
        RecordReader(three, "GZIP") as reader,
        pytest.raises(FormatError, match="compression_type='' for none"),
    ):
        reader.read(1)
    packed = tmp_path / "cut.gz"
    packed.write_bytes(gzip.compress(three.read_bytes())[:-9])
    with (
        RecordReader(packed, "GZIP") as reader,
        pytest.raises(FormatError, match="copy the file again"),
    ):
        list(reader)
    with pytest.raises(InvalidValueError, match="use '', 'GZIP' or 'ZLIB'"):
        RecordReader(three, "LZMA")
    with (
        RecordWriter(tmp_path / "x") as out,
        pytest.raises(InvalidTypeError, match=r"use make_example\(...\) or text.encode\(\)"),
    ):
        out.write("text")  # type: ignore[arg-type]


names = st.text(min_size=1, max_size=5)
values = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5).map(lambda v: np.array(v, np.int64)),
    st.lists(st.floats(width=32, allow_nan=False), max_size=5).map(
        lambda v: np.array(v, np.float32)
    ),
    st.lists(st.binary(max_size=6), min_size=1, max_size=4),
)


def _dtype(value: Any) -> str:
    return "string" if isinstance(value, list) else str(value.dtype)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(names, values, max_size=5))
def test_examples_come_back(features: dict[str, Any]) -> None:
    record = make_example(features)
    spec = {name: VarLenFeature(_dtype(value)) for name, value in features.items()}
    found = parse_single_example(record, spec)
    assert set(found) == set(features)
    for name, value in features.items():
        assert found[name].tolist() == (value if isinstance(value, list) else value.tolist())


def test_batches_of_examples() -> None:
    records = [make_example({"x": [1.0, 2.0], "n": [1] * n, "name": "ab"[:n]}) for n in range(3)]
    found = parse_example(
        records,
        {
            "x": FixedLenFeature([2, 1], "float32"),
            "n": RaggedFeature("int64"),
            "name": FixedLenFeature([], "string"),
            "more": FixedLenFeature([2], "int64", default_value=[7, 8]),
        },
    )
    assert found["x"].tolist() == [[[1.0], [2.0]]] * 3
    assert found["n"].tolist() == [[], [1], [1, 1]]
    assert found["name"].tolist() == [b"", b"a", b"ab"]
    assert found["more"].tolist() == [[7, 8]] * 3
    sparse = parse_example(records, {"n": VarLenFeature("int64")})["n"]
    assert sparse.to_dense().tolist() == [[0, 0], [1, 0], [1, 1]]
    assert parse_example(np.empty(0, object), {}) == {}


def test_values_that_are_not_packed_and_features_that_come_twice() -> None:
    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    def entry(value: bytes) -> bytes:
        return field(1, field(1, b"x") + field(2, value))

    floats = b"".join(b"\x0d" + struct.pack("<f", v) for v in (1.5, -2.0))
    record = field(1, entry(field(2, floats)))
    assert parse_single_example(record, {"x": VarLenFeature("float32")})["x"].tolist() == [1.5, -2]
    integers = b"\x08\x05\x08\x96\x01"
    record = field(1, entry(field(3, b"\x08\x01")) + entry(field(3, integers)))
    found = parse_single_example(record, {"x": VarLenFeature("int64")})
    assert found["x"].tolist() == [5, 150], "the last one counts"


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_parser(data: bytes) -> None:
    spec = {"x": VarLenFeature("float32"), "": VarLenFeature("int64")}
    try:
        parse_single_example(data, spec)
    except ValueError as error:
        assert "[parse_example] record 0" in str(error)  # noqa: PT017 - most bytes are no Example, some are


def test_what_does_not_fit_names_record_and_feature() -> None:
    records = [make_example({"x": [1.0]}), make_example({"x": [1.0, 2.0]})]
    with pytest.raises(InvalidValueError, match="record 1: feature 'x' has 2 values, expected 1"):
        parse_example(records, {"x": FixedLenFeature([], "float32")})
    with pytest.raises(InvalidValueError, match="record 0 has no feature 'y'; give it a default"):
        parse_example(records, {"y": FixedLenFeature([], "float32")})
    with pytest.raises(InvalidValueError, match="holds float32, expected int64; give dtype='float"):
        parse_example(records, {"x": FixedLenFeature([], "int64")})
    with pytest.raises(FormatError, match=r"record 1 is no tf.train.Example; give the bytes that"):
        parse_example([records[0], b"\xff\xff"], {})
    with pytest.raises(InvalidTypeError, match="use parse_single_example for one"):
        parse_example(records[0], {})
    with pytest.raises(InvalidTypeError, match="Examples hold float32, int64 and string: cast"):
        parse_example(records, {"x": FixedLenFeature([], "float64")})
    with pytest.raises(InvalidTypeError, match="give numbers, strings or bytes"):
        make_example({"x": [None]})


def test_threads_may_have_random_numbers_of_their_own() -> None:
    _native.set_thread_random(5)
    try:
        first = ps.random.uniform((3,)).tolist()
        before = _native.random_state()
        second = ps.random.uniform((3,)).tolist()
        assert _native.random_state() == before, "the process's stream stands still"
        _native.set_thread_random(5)
        assert ps.random.uniform((3,)).tolist() == first != second
    finally:
        _native.set_thread_random(None)


def test_contiguous_and_strided_arrays_are_copied_alike() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (300, 200, 3), dtype=np.uint8)
    for view in (x, x[::2], x[:, ::-1], x.transpose(2, 0, 1), x[1:1]):
        assert np.array_equal(ps.asarray(view).numpy(), view)
