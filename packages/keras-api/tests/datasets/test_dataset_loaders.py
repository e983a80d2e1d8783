"""Loaders give what Keras's own give for the same files, and read mirrors."""

import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import sys
import tarfile

import numpy as np
import pytest

from penstock import keras
from penstock.errors import FormatError
from penstock_keras_api.datasets import _archives, _files


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return an empty cache, with no mirror and no wish to download."""
    monkeypatch.delenv("PENSTOCK_MIRROR", raising=False)
    monkeypatch.delenv("PENSTOCK_DOWNLOAD", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "datasets"


@pytest.fixture
def mirrored():
    """Skip where no mirror is named."""
    if not os.environ.get("PENSTOCK_MIRROR"):
        pytest.skip("needs PENSTOCK_MIRROR: a folder with datasets")


def word_lists(rng, count):
    made = np.empty(count, object)
    for i in range(count):
        made[i] = [int(rank) for rank in rng.integers(1, 30, rng.integers(2, 12))]
    return made


def write_all(folder, rng):
    """Write small files in the form of the public ones."""
    folder.mkdir(parents=True)
    halves = {
        "x_train": word_lists(rng, 40),
        "y_train": rng.integers(0, 2, 40),
        "x_test": word_lists(rng, 25),
        "y_test": rng.integers(0, 2, 25),
    }
    np.savez(folder / "imdb.npz", allow_pickle=True, **halves)
    np.savez(
        folder / "reuters.npz", allow_pickle=True, x=word_lists(rng, 50), y=rng.integers(0, 46, 50)
    )
    np.savez(folder / "boston_housing.npz", x=rng.normal(size=(50, 13)), y=rng.normal(size=50))
    np.savez(folder / "california_housing.npz", x=rng.normal(size=(900, 8)).astype("float32"),
             y=np.arange(900, dtype="float32"))  # fmt: skip
    images = {name: rng.integers(0, 256, (5, 28, 28), "uint8") for name in ("x_train", "x_test")}
    labels = {name: rng.integers(0, 10, 5, "uint8") for name in ("y_train", "y_test")}
    np.savez(folder / "mnist.npz", **images, **labels)


def same(left, right):
    for ours, theirs in zip(left, right, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            assert a.tolist() == b.tolist()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("mnist", {}),
        ("boston_housing", {}),
        ("boston_housing", {"test_split": 0.5, "seed": 7}),
        ("california_housing", {}),
        ("california_housing", {"version": "small", "test_split": 0.1}),
        *[
            (name, given)
            for name in ("imdb", "reuters")
            for given in (
                {},
                {"num_words": 12},
                {"maxlen": 7},
                {"skip_top": 5, "num_words": 20},
                {"start_char": None, "seed": 3},
                {"oov_char": None, "num_words": 15},
                {"start_char": None, "index_from": 0, "skip_top": 2},
            )
        ],
        ("reuters", {"test_split": 0.0}),
    ],
)
def test_as_keras(real, home, monkeypatch, name, given):
    write_all(home, np.random.default_rng(0))
    theirs = getattr(real.datasets, name).load_data
    # Theirs downloads what has not its own hash: lead it to our file.
    monkeypatch.setattr(
        sys.modules[theirs.__module__], "get_file", lambda *_, **__: str(home / f"{name}.npz")
    )
    same(getattr(keras.datasets, name).load_data(**given), theirs(**given))


def test_as_keras_names_topics(real):
    assert keras.datasets.reuters.get_label_names() == real.datasets.reuters.get_label_names()


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">{array.ndim + 1}i", 2048 + array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "mnist"), ("fashion_mnist", "fashion-mnist")]
)
def test_idx_files_of_a_mirror(home, tmp_path, monkeypatch, name, folder):
    rng = np.random.default_rng(1)
    root = tmp_path / "mirror"
    parts = [rng.integers(0, 9, shape, "uint8") for shape in ((4, 3, 2), (4,), (2, 3, 2), (2,))]
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for file, part in zip(names, parts, strict=True):
        write_idx(root / "datasets" / folder / f"{file}-ubyte.gz", part)
    monkeypatch.setenv("PENSTOCK_MIRROR", str(root))
    found = getattr(keras.datasets, name).load_data()
    same(found, (parts[:2], parts[2:]))


def write_tar(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"folder/{name}")
            data = pickle.dumps(content, 2)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def test_cifar10_puts_colours_last(home):
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (12, 32, 32, 3), "uint8")
    rows = images.transpose(0, 3, 1, 2).reshape(12, 3072)
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    files = {
        name: {b"data": rows[2 * i : 2 * i + 2], b"labels": [i, 9 - i]}
        for i, name in enumerate(names)
    }
    write_tar(home / "cifar-10-python.tar.gz", files)
    (x, y), (x_test, y_test) = keras.datasets.cifar10.load_data()
    assert np.array_equal(np.concatenate([x, x_test]), images)
    assert y.ravel().tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert y_test.dtype == np.uint8
    assert y_test.tolist() == [[5], [4]]


@pytest.mark.parametrize(("mode", "labels"), [("fine", [[7]]), ("coarse", [[3]])])
def test_cifar100_has_two_kinds_of_labels(home, mode, labels):
    part = {b"data": np.zeros((1, 3072), "uint8"), b"fine_labels": [7], b"coarse_labels": [3]}
    write_tar(home / "cifar-100-python.tar.gz", {"train": part, "test": part})
    (x, y), _ = keras.datasets.cifar100.load_data(mode)
    assert x.shape == (1, 32, 32, 3)
    assert y.tolist() == labels


def test_word_index(home):
    home.mkdir(parents=True)
    (home / "imdb_word_index.json").write_text(json.dumps({"the": 1, "and": 2}))
    assert keras.datasets.imdb.get_word_index() == {"the": 1, "and": 2}


class Rogue:
    """A pickle that would call something."""

    def __reduce__(self):
        return (os.getcwd, ())


def test_forged_pickles_are_refused(home):
    write_tar(home / "cifar-100-python.tar.gz", {"train": {b"data": Rogue()}, "test": {}})
    with pytest.raises(FormatError, match=r"asks for posix.getcwd.*fetch the file again"):
        keras.datasets.cifar100.load_data()
    forged = np.empty(1, object)
    forged[0] = Rogue()
    np.savez(home / "imdb.npz", allow_pickle=True, x_train=forged)
    with pytest.raises(FormatError, match="which no data set needs"):
        _archives.read_npz(home / "imdb.npz", "x_train")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: keras.datasets.cifar100.load_data("best"),
            "expected 'fine' for kinds or 'coarse'",
        ),
        (
            lambda: keras.datasets.california_housing.load_data("tiny"),
            "expected 'large' or 'small'",
        ),
        (
            lambda: keras.datasets.time_series.load_data("stocks"),
            "expected one of airline_passengers",
        ),
        (lambda: keras.datasets.text.load_data("goethe"), "expected 'shakespeare' or 'bronte'"),
        (lambda: keras.datasets.iris.load_data(test_split=1.0), "such as test_split=0.2"),
        (lambda: keras.datasets.imdb.load_data(nb_words=5), "expected path, num_words"),
        (
            lambda: keras.datasets.mnist.load_data("/no/such.npz"),
            "give the path of a copy of https",
        ),
        (
            lambda: keras.datasets.adult.load_data(),
            "set PENSTOCK_MIRROR to a folder that has datasets/adult",
        ),
        (lambda: keras.datasets.flowers.load_data(), "set PENSTOCK_MIRROR to a folder"),
        (
            lambda: keras.datasets.mnist.load_data(),
            "give download=True, or set PENSTOCK_DOWNLOAD=1",
        ),
    ],
)
def test_errors_say_what_to_do(home, call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_too_short_maxlen_names_the_least(home):
    write_all(home, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no text is shorter than maxlen=2; give maxlen=4 or more"):
        keras.datasets.imdb.load_data(maxlen=2)


def test_a_missing_set_is_a_missing_file_too(home):
    with pytest.raises(FileNotFoundError):
        keras.datasets.mnist.load_data()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b"no gzip"), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:20]), "cannot be read"),
        (
            lambda path: path.write_bytes(gzip.compress(b"\0" * 16)),
            "is no IDX file of 3 dimensions",
        ),
        (
            lambda path: path.write_bytes(
                gzip.compress(struct.pack(">4i", 2051, 2, 2, 2) + b"\0" * 7)
            ),
            r"says \(2, 2, 2\) and holds 7 bytes",
        ),
    ],
)
def test_damaged_idx(tmp_path, damage, message):
    path = tmp_path / "file.gz"
    write_idx(path, np.zeros((2, 2, 2), "uint8"))
    damage(path)
    with pytest.raises(FormatError, match=f"{message}.*fetch the file again"):
        _archives.read_idx(path, 3)


def test_damaged_npz(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros(3))
    with pytest.raises(FormatError, match="has the arrays x; expected y; fetch the file again"):
        _archives.read_npz(path, "y")
    path.write_bytes(b"PK")
    with pytest.raises(FormatError, match="fetch the file again"):
        _archives.read_npz(path, "x")


def test_manifest_is_believed(tmp_path, monkeypatch):
    file = tmp_path / "datasets" / "text" / "bronte.txt"
    file.parent.mkdir(parents=True)
    file.write_text("Jane")
    digest = hashlib.sha256(b"Jane").hexdigest()
    entry = {"files": [{"path": "datasets/text/bronte.txt", "sha256": digest}]}
    (tmp_path / "MANIFEST.json").write_text(json.dumps([entry]))
    monkeypatch.setenv("PENSTOCK_MIRROR", str(tmp_path))
    assert keras.datasets.text.load_data("bronte") == "Jane"
    file.write_text("John")
    with pytest.raises(FormatError, match=f"expected {digest}; fetch the file again"):
        keras.datasets.text.load_data("bronte")


def test_damaged_manifest(tmp_path, monkeypatch):
    (tmp_path / "datasets" / "text").mkdir(parents=True)
    (tmp_path / "datasets" / "text" / "bronte.txt").touch()
    (tmp_path / "MANIFEST.json").write_text("[{}]")
    monkeypatch.setenv("PENSTOCK_MIRROR", str(tmp_path))
    with pytest.raises(FormatError, match=r"is no manifest.*mend it or remove it"):
        _files.local("text", "bronte.txt")


@pytest.mark.usefixtures("mirrored")
class TestHub:
    """The sets of the mirror, by what is known of them."""

    def test_mnist(self):
        (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
        assert x.shape == (60000, 28, 28)
        assert x_test.shape == (10000, 28, 28)
        assert y[:5].tolist() == [5, 0, 4, 1, 9]
        assert np.bincount(y_test).tolist() == [
            980,
            1135,
            1032,
            1010,
            982,
            892,
            958,
            1028,
            974,
            1009,
        ]

    def test_adult(self):
        (x, y), (x_test, y_test) = keras.datasets.adult.load_data()
        assert (len(y), int(y.sum()), len(y_test), int(y_test.sum())) == (32561, 7841, 16281, 3846)
        assert x["age"].max() == 90
        assert x["workclass"][0] == "State-gov"
        assert set(x_test["sex"]) == {"Male", "Female"}

    def test_sentences(self):
        (x, y), (x_test, _) = keras.datasets.rt_polarity.load_data()
        assert len(x) + len(x_test) == 10662
        assert set(y.tolist()) == {0, 1}
        assert [len(part[0]) for part in keras.datasets.sst2.load_data()] == [6920, 872, 1821]

    def test_pairs(self):
        (english, german), validation, _ = keras.datasets.multi30k.load_data()
        assert len(english) == len(german) == 29000
        assert len(validation[0]) == 1014
        assert "weiße" in german[0]
        short, _ = keras.datasets.tatoeba.load_data()
        assert len(short) == 169197

    def test_series_texts_and_sounds(self):
        days, degrees = keras.datasets.time_series.load_data()
        assert (days[0], round(float(degrees[0]), 1), len(degrees)) == ("1981-01-01", 20.7, 3650)
        assert keras.datasets.text.load_data().startswith("First Citizen:")
        signals, words, rate = keras.datasets.speech_command_clips.load_data()
        assert (len(signals), words[0], rate) == (10, "yes", 16000)

    def test_photographs(self):
        pytest.importorskip("PIL")
        (x, y), (x_test, _) = keras.datasets.flowers.load_data((32, 48))
        assert (x.shape, x_test.shape) == ((225, 32, 48, 3), (75, 32, 48, 3))
        assert np.bincount(y).tolist() == [45] * 5
        (x, y), (x_test, _) = keras.datasets.cifar10.load_sample()
        assert (x.shape, x_test.shape) == ((6000, 32, 32, 3), (1500, 32, 32, 3))


@pytest.mark.parametrize(
    ("name", "count"),
    [("digits", 1797), ("iris", 150), ("wine", 178), ("breast_cancer", 569), ("diabetes", 442)],
)
def test_sets_of_scikit_learn(name, count):
    theirs = pytest.importorskip("sklearn.datasets")
    bunch = getattr(theirs, f"load_{name}")()
    (x, y), (x_test, _) = getattr(keras.datasets, name).load_data(test_split=0.25)
    assert len(x) + len(x_test) == count
    assert len(x_test) == count - int(count * 0.75)
    ours = sorted(zip(x.reshape(len(x), -1).sum(1).tolist(), y.tolist(), strict=True))
    features = bunch.data.astype("float32").reshape(count, -1)
    known = set(zip(features.sum(1).tolist(), bunch.target.astype(y.dtype).tolist(), strict=True))
    assert set(ours) <= known
