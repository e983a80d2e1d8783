"""Datasets of files: text, CSV, TFRecord, NumPy, pandas, Parquet; caches and saved datasets; what is damaged."""

from __future__ import annotations

import gzip
import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras
from penstock.errors import FormatError
from penstock.records import FixedLenFeature, RecordWriter, make_example, parse_example

Dataset = keras.data.Dataset


def _goes_on(make: Any, stop: int) -> None:
    """Check that a position after `stop` elements goes on with the same elements."""
    whole = [repr(x) for x in make().as_numpy_iterator()]
    first = make().as_numpy_iterator()
    assert [repr(x) for x in islice(first, stop)] == whole[:stop]
    state = json.loads(json.dumps(first.get_state()))
    first.close()
    again = make().as_numpy_iterator()
    again.set_state(state)
    assert [repr(x) for x in again] == whole[stop:]


# ---- text


def test_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\n\nthree")
    with gzip.open(tmp_path / "b.gz", "wb") as file:
        file.write("vier\nfünf\n".encode())
    lines = Dataset.text_lines(tmp_path / "a.txt")
    assert list(lines.as_numpy_iterator()) == [b"one", b"two", b"", b"three"]
    packed = Dataset.text_lines(tmp_path / "b.gz", compression_type="GZIP")
    assert list(packed.as_numpy_iterator()) == [b"vier", "fünf".encode()]
    two = [str(tmp_path / "a.txt")] * 2
    assert [x.tolist() for x in Dataset.text_lines(two, skip=1).batch(4)] == [
        [b"two", b"", b"three", b"two"], [b"", b"three"],
    ]  # fmt: skip
    for stop in range(7):
        _goes_on(lambda: Dataset.text_lines(two, skip=1), stop)


def test_many_lines_are_those_of_python(tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    expected = [f"line {n} {'x' * (n % 91)}" for n in range(20_000)]
    path.write_text("\n".join(expected))
    data = Dataset.text_lines(path)
    assert [x.decode() for x in data.as_numpy_iterator()] == expected
    _goes_on(lambda: Dataset.text_lines(path).skip(19_000), 500)


def test_real_text() -> None:
    mirror = os.environ.get("PENSTOCK_MIRROR")
    path = Path(mirror or "", "datasets", "text", "shakespeare.txt")
    if not mirror or not path.exists():
        pytest.skip("set PENSTOCK_MIRROR to a folder with datasets/text")
    expected = path.read_bytes().split(b"\n")
    found = list(Dataset.text_lines(path).as_numpy_iterator())
    assert found == [line.removesuffix(b"\r") for line in expected[: len(found)]]
    assert len(found) >= len(expected) - 1


def test_lists_of_files(tmp_path: Path) -> None:
    for name in "cab":
        (tmp_path / f"{name}.txt").write_text(name)
    pattern = str(tmp_path / "*.txt")
    names = [os.fsencode(tmp_path / f"{n}.txt") for n in "abc"]
    assert list(Dataset.list_files(pattern, shuffle=False).as_numpy_iterator()) == names
    shuffled = Dataset.list_files(pattern, seed=1)
    assert sorted(shuffled.as_numpy_iterator()) == names
    texts = Dataset.list_files(pattern, shuffle=False).interleave(Dataset.text_lines)
    assert sorted(texts.as_numpy_iterator()) == [b"a", b"b", b"c"]
    with pytest.raises(ValueError, match="is the folder right"):
        Dataset.list_files(str(tmp_path / "*.jpg"))
    with pytest.raises(TypeError, match=r"give files, or list_files\(pattern\)"):
        list(Dataset.text_lines(tmp_path))
    with pytest.raises(FileNotFoundError):
        list(Dataset.text_lines(tmp_path / "none.txt"))


# ---- CSV


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Return a file with a header, quotes and an empty field."""
    path = tmp_path / "people.csv"
    path.write_text('name,age,size\n"Smith, Ann",31,1.5\nBob,,2\n"two\nlines",7,\n')
    return path


def test_csv(people: Path) -> None:
    data = Dataset.csv(people, header=True)
    assert {name: str(s.dtype) for name, s in data.element_spec.items()} == {
        "name": "string", "age": "int64", "size": "float32",
    }  # fmt: skip
    (rows,) = data.batch(5).as_numpy_iterator()
    assert rows["name"].tolist() == [b"Smith, Ann", b"Bob", b"two\nlines"]
    assert rows["age"].tolist() == [31, 0, 7]
    assert rows["size"].tolist() == [1.5, 2.0, 0.0]
    tuples = Dataset.csv(people, ["", -1], header=True, select_cols=[0, 1], as_dict=False)
    assert list(tuples.as_numpy_iterator())[1] == (b"Bob", -1)
    for stop in range(4):
        _goes_on(lambda: Dataset.csv([people, people], header=True), stop)


def test_rows_that_do_not_fit_name_file_and_row(people: Path) -> None:
    with people.open("a") as file:
        file.write("short,1\nlong,x,2\nlast,5,6\n")
    data = Dataset.csv(people, {"age": "int32", "name": ""}, header=True)
    with pytest.raises(FormatError, match=r"people.csv, row 1, column 'age': a field is empty"):
        list(data)
    data = Dataset.csv(people, {"age": -1, "name": ""}, header=True)
    with pytest.raises(
        FormatError, match=r"people.csv, line 6 \(row 3\) has 2 fields, expected 3; mend the row"
    ):
        list(data)
    for kept in (data.ignore_errors(), data.map(lambda row: row, 2).ignore_errors()):
        names = [row["name"] for row in kept.as_numpy_iterator()]
        assert names == [b"Smith, Ann", b"Bob", b"two\nlines", b"last"]
        assert kept.num_ignored == 2
    with pytest.raises(FormatError, match=r"row 4, column 'age': .*'x'.*expected int64; mend"):
        list(data.skip(4))
    with pytest.raises(ValueError, match="there is no column 'wage'; the columns of"):
        Dataset.csv(people, header=True, select_cols=["wage"])
    with pytest.raises(ValueError, match="got 1 record_defaults for 3 columns; give one for each"):
        Dataset.csv(people, [0], header=True)


def test_real_csv_is_that_of_the_library() -> None:
    mirror = os.environ.get("PENSTOCK_MIRROR")
    found = sorted(Path(mirror or "", "datasets", "adult").glob("*.csv")) if mirror else []
    if not found:
        pytest.skip("set PENSTOCK_MIRROR to a folder with datasets/adult")
    import csv

    with found[0].open(newline="") as file:
        expected = list(csv.reader(file))
    data = Dataset.csv(found[0], ["string"] * len(expected[0]), as_dict=False)
    rows = [[f.decode() for f in row] for row in data.take(500).as_numpy_iterator()]
    assert rows == [row for row in expected if row][:500]


# ---- TFRecord


def test_tfrecords_of_several_files(tmp_path: Path) -> None:
    paths = []
    for number in range(3):
        paths.append(str(tmp_path / f"{number}.tfrecord"))
        examples = [make_example({"x": [number * 10.0 + i], "n": i}) for i in range(7)]
        data = Dataset.from_tensor_slices(examples)
        assert data.write_tfrecord(paths[-1], "GZIP") == 7
    spec = {"x": FixedLenFeature([], "float32"), "n": FixedLenFeature([], "int64")}

    def make() -> Any:
        records = Dataset.tfrecord(paths, "GZIP").batch(4)
        return records.map(lambda r: parse_example(r, spec), num_parallel_calls=2)

    found = list(make().as_numpy_iterator())
    x = np.concatenate([batch["x"] for batch in found])
    assert x.tolist() == [10.0 * n + i for n in range(3) for i in range(7)]
    for stop in (0, 1, 3, 6):
        _goes_on(make, stop)
    for stop in (0, 5, 7, 13):
        _goes_on(lambda: Dataset.tfrecord(paths, "GZIP").shuffle(5, seed=1), stop)


def test_a_damaged_record_is_named_or_left_out(tmp_path: Path) -> None:
    path = tmp_path / "bad.tfrecord"
    with RecordWriter(path) as out:
        for number in range(5):
            out.write(b"%d" % number * 10)
    data = bytearray(path.read_bytes())
    data[2 * 26 + 14] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(FormatError, match=r"bad.tfrecord: record 2, which begins at byte 52"):
        list(Dataset.tfrecord(path))
    kept = Dataset.tfrecord(path).ignore_errors()
    assert [x[:1] for x in kept.as_numpy_iterator()] == [b"0", b"1", b"3", b"4"]
    assert kept.num_ignored == 1
    with pytest.raises(TypeError, match="map make_example over the elements first"):
        Dataset.range(3).write_tfrecord(str(tmp_path / "x"))


# ---- tables


def test_numpy_files(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).random((6, 3)), np.arange(6)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "both.npz", x=x, y=y)
    rows = Dataset.from_numpy_file(tmp_path / "x.npy").batch(4)
    assert np.array_equal(np.concatenate(list(rows.as_numpy_iterator())), x)
    both = list(Dataset.from_numpy_file(tmp_path / "both.npz").as_numpy_iterator())
    assert [row["y"] for row in both] == list(range(6))
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(FormatError, match=r"expected what numpy.save"):
        Dataset.from_numpy_file(tmp_path / "objects.npy")


def test_pandas() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    rows = list(Dataset.from_pandas(frame).as_numpy_iterator())
    assert rows == [{"a": 1, "b": b"x"}, {"a": 2, "b": b"y"}]
    pair = Dataset.from_tensor_slices((dict(frame), frame["a"]))
    assert next(pair.as_numpy_iterator())[1] == 1


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "n": list(range(10)),
            "f": [n / 4 for n in range(10)],
            "s": [f"row {n}" for n in range(10)],
            "l": [list(range(n % 3)) for n in range(10)],
        }
    )
    path = tmp_path / "t.parquet"
    parquet.write_table(table, path, row_group_size=4)
    data = Dataset.parquet(path)
    assert len(data) == 10
    rows = list(data.as_numpy_iterator())
    assert [r["n"] for r in rows] == list(range(10))
    assert rows[7]["s"] == b"row 7"
    assert rows[5]["l"].tolist() == [0, 1]
    assert [len(b["n"]) for b in data.batch(3).as_numpy_iterator()] == [3, 3, 3, 1]
    for stop in (0, 3, 4, 9):
        _goes_on(lambda: Dataset.parquet(path, columns=["n", "s"]), stop)
    with pytest.raises(ValueError, match=r"fill them first: pyarrow.compute.fill_null"):
        Dataset.from_arrow(pa.table({"a": [1, None]}))
    (tmp_path / "no.parquet").write_text("text")
    with pytest.raises(FormatError, match="is it a Parquet file"):
        Dataset.parquet(tmp_path / "no.parquet")


# ---- caches and saved datasets


def _mixed(n: int = 9) -> Any:
    rows = ps.ragged.constant([list(range(i % 4)) for i in range(n)])
    arrays = ({"x": np.arange(3.0 * n).reshape(n, 3)}, np.array([b"a\0"] * n, object), rows)
    return Dataset.from_tensor_slices(arrays)


def _plain(data: Any) -> list[Any]:
    return [(a["x"].tolist(), b, c.tolist()) for a, b, c in data.as_numpy_iterator()]


def test_saved_datasets_come_back(tmp_path: Path) -> None:
    expected = _plain(_mixed())
    assert expected[1][1] == b"a\0"
    for compression in (None, "GZIP"):
        _mixed().save(str(tmp_path / "d"), compression)
        loaded = Dataset.load(str(tmp_path / "d"))
        assert _plain(loaded) == expected
        assert len(loaded) == 9
        assert loaded.element_spec == _mixed().element_spec
        _goes_on(lambda: Dataset.load(str(tmp_path / "d")), 4)
    Dataset.range(10).save(str(tmp_path / "s"), shard_func=lambda x: x % 3)
    found = list(Dataset.load(str(tmp_path / "s")).as_numpy_iterator())
    assert found == [0, 3, 6, 9, 1, 4, 7, 2, 5, 8]
    turns = Dataset.load(
        str(tmp_path / "s"), reader_func=lambda d: d.interleave(lambda x: x, cycle_length=3)
    )
    assert list(turns.as_numpy_iterator()) == list(range(10))
    with pytest.raises(FormatError, match=r"give a folder that Dataset.save wrote"):
        Dataset.load(str(tmp_path))


def test_a_failed_save_leaves_the_old_one(tmp_path: Path) -> None:
    folder = str(tmp_path / "d")
    Dataset.range(3).save(folder)

    def fail(x: Any) -> Any:
        if int(x) == 2:
            raise OSError("disk full")
        return x

    with pytest.raises(OSError, match="disk full"):
        Dataset.range(9).map(fail).save(folder)
    assert len(Dataset.load(folder)) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_caches_in_files(tmp_path: Path) -> None:
    calls: list[int] = []

    def count(x: Any) -> Any:
        calls.append(int(x))
        return x

    name = str(tmp_path / "cache")
    data = Dataset.range(5).map(count).cache(name)
    begun = iter(data)
    next(begun)
    begun.close()
    assert list(tmp_path.iterdir()) == [], "half a cache is none"
    calls.clear()
    assert list(data.as_numpy_iterator()) == list(range(5))
    assert list(data.as_numpy_iterator()) == list(range(5))
    again = Dataset.range(5).map(count).cache(name)
    assert list(again.as_numpy_iterator()) == list(range(5)), "other programs find it too"
    assert calls == list(range(5))
    _goes_on(lambda: Dataset.range(5).map(count).cache(name), 2)


def test_snapshots(tmp_path: Path) -> None:
    calls: list[int] = []

    def count(x: Any) -> Any:
        calls.append(int(x))
        return x

    for _ in range(2):
        data = Dataset.range(4).map(count).snapshot(str(tmp_path / "snap"))
        assert list(data.as_numpy_iterator()) == list(range(4))
    assert calls == [0, *range(4)], "one call for the spec, and one for each element"


def test_a_cache_in_memory_shuffles_anew() -> None:
    data = Dataset.range(30).map(lambda x: x * 2).cache().shuffle(30, seed=1).batch(7)
    first, second = (np.concatenate(list(data.as_numpy_iterator())) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(0, 60, 2))
    assert first.tolist() != second.tolist()
