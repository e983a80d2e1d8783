"""Datasets of folders and series in time.

Orders of files, sizes and pixels were compared once with Keras on TensorFlow; what that said stands here as numbers.
"""

from __future__ import annotations

import os
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import keras
from penstock.errors import FormatError

Image = pytest.importorskip("PIL.Image")
images = keras.utils.image_dataset_from_directory


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of nine images in three classes."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, count in (("a", 4), ("b", 3), ("c", 2)):
        (root / name / "deep").mkdir(parents=True)
        for i in range(count):
            height, width = rng.integers(15, 60, 2)
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / ("deep" if i == 1 else "") / f"p{i}.png")
    (root / "a" / "notes.txt").write_text("no image")
    return root


def _made(folder: Path, **kwargs: Any) -> Any:
    given = {"image_size": (20, 30), "batch_size": 4, "shuffle": False, "verbose": False}
    return images(folder, **{**given, **kwargs})


def test_files_labels_and_sizes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = _made(folder, verbose=True)
    assert capsys.readouterr().out == "Found 9 files belonging to 3 classes.\n"
    assert [os.path.relpath(p, folder) for p in data.file_paths] == [
        "a/p0.png", "a/p2.png", "a/p3.png", "a/deep/p1.png", "b/p0.png", "b/p2.png",
        "b/deep/p1.png", "c/p0.png", "c/deep/p1.png",
    ]  # fmt: skip
    assert data.class_names == ["a", "b", "c"]
    assert len(data) == 3
    batches = list(data.as_numpy_iterator())
    assert [x.shape for x, _ in batches] == [(4, 20, 30, 3), (4, 20, 30, 3), (1, 20, 30, 3)]
    assert batches[0][0].dtype == np.float32
    assert np.concatenate([y for _, y in batches]).tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2]
    assert batches[0][1].dtype == np.int32


# Mean of the first batch, as Keras on TensorFlow has it for these files.
MEANS = {
    "plain": ({}, 127.056),
    "gray": ({"color_mode": "grayscale"}, 126.384),
    "rgba": ({"color_mode": "rgba"}, 159.042),
    "crop": ({"crop_to_aspect_ratio": True}, 127.104),
    "pad": ({"pad_to_aspect_ratio": True}, 75.455),
    "nearest": ({"interpolation": "nearest"}, 127.401),
    "bicubic": ({"interpolation": "bicubic"}, 126.803),
    "lanczos3": ({"interpolation": "lanczos3"}, 126.435),
    "area": ({"interpolation": "area"}, 127.487),
}


@pytest.mark.parametrize("name", MEANS)
def test_pixels_are_keras_s(folder: Path, name: str) -> None:
    kwargs, mean = MEANS[name]
    x, _ = next(iter(_made(folder, **kwargs)))
    assert x.numpy().mean(dtype=np.float64) == pytest.approx(mean, abs=2e-3)


def test_modes_of_labels(folder: Path) -> None:
    categorical = next(iter(_made(folder, label_mode="categorical")))[1].numpy()
    assert np.array_equal(categorical, np.eye(3, dtype=np.float32)[[0, 0, 0, 0]])
    assert next(iter(_made(folder, label_mode=None))).shape == (4, 20, 30, 3)
    assert next(iter(_made(folder, labels=None))).shape == (4, 20, 30, 3)
    listed = _made(folder, labels=[3, 1, 4, 1, 5, 9, 2, 6, 5])
    # The order of the list is that of the names of all files.
    assert next(iter(listed))[1].tolist() == [3, 1, 4, 1]
    named = _made(folder, class_names=["c", "a", "b"], batch_size=9)
    assert next(iter(named))[1].tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    first = next(iter(_made(folder, batch_size=None, data_format="channels_first")))
    assert first[0].shape == (3, 20, 30)
    assert first[1].shape == ()


def test_orders_and_splits(folder: Path) -> None:
    # The order that Keras has for the seed 11: RandomState(11) shuffles the files.
    order = np.arange(9)
    np.random.RandomState(11).shuffle(order)
    plain = _made(folder).file_paths
    assert _made(folder, shuffle=True, seed=11).file_paths == [plain[i] for i in order]
    split = {"validation_split": 0.4, "seed": 3}
    training = _made(folder, subset="training", **split)
    validation = _made(folder, subset="validation", **split)
    assert len(training.file_paths) == 6
    assert training.file_paths + validation.file_paths == plain
    both = _made(folder, subset="both", shuffle=True, **split)
    assert sorted(both[0].file_paths + both[1].file_paths) == sorted(plain)
    first, second = (sorted(label for _, y in both[0] for label in y.tolist()) for _ in range(2))
    assert first == second


def test_what_does_not_fit_is_told(folder: Path, tmp_path: Path) -> None:
    for match, kwargs in {
        "use 'rgb', 'rgba' or 'grayscale'": {"color_mode": "cmyk"},
        "use one of bilinear, nearest": {"interpolation": "best"},
        "use one of them": {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
        "give height and width": {"image_size": 3},
        "use 'int', 'binary', 'categorical' or None": {"label_mode": "other"},
        "there must be two": {"label_mode": "binary"},
        "give one for each, in the order": {"labels": [1, 2]},
        "name them all": {"class_names": ["a"]},
        "give both or none": {"validation_split": 0.2},
        "use 'training', 'validation' or 'both'": {"validation_split": 0.2, "subset": "test"},
        "give a seed, or shuffle=False": {
            "validation_split": 0.2, "subset": "training", "shuffle": True,
        },
        "use a number between 0 and 1": {"validation_split": 2, "subset": "training"},
    }.items():  # fmt: skip
        with pytest.raises((ValueError, TypeError), match=match):
            _made(folder, **kwargs)
    with pytest.raises(ValueError, match="is it the right folder"):
        _made(tmp_path, labels=None)
    with pytest.raises(ValueError, match="is no folder; give one"):
        _made(tmp_path / "none")


def test_an_unreadable_image_is_named_or_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    good = np.full((8, 8, 3), 7, np.uint8)
    for i in range(3):
        Image.fromarray(good).save(tmp_path / "a" / f"{i}.png")
    bad = tmp_path / "a" / "1.png"
    bad.write_bytes(bad.read_bytes()[:40])
    data = _made(tmp_path, batch_size=None)
    with pytest.raises(FormatError, match=r"1.png cannot be read as an image: .*ignore_errors"):
        list(data)
    kept = data.ignore_errors()
    assert len(list(kept)) == 2
    assert kept.num_ignored == 1


def test_texts(tmp_path: Path) -> None:
    for name in "xy":
        (tmp_path / name).mkdir()
        for i in range(3):
            (tmp_path / name / f"{i}.txt").write_text(f"text {name}{i} more\nlines")
    data = keras.utils.text_dataset_from_directory(
        tmp_path, shuffle=False, max_length=7, verbose=False, batch_size=3, label_mode="binary"
    )
    found = [(x.tolist(), y.tolist()) for x, y in data.as_numpy_iterator()]
    assert found == [
        ([b"text x0", b"text x1", b"text x2"], [[0.0]] * 3),
        ([b"text y0", b"text y1", b"text y2"], [[1.0]] * 3),
    ]


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Return a folder of sounds of 100, 140 and 180 samples, each of one value."""
    for name in "pq":
        (tmp_path / name).mkdir()
        for i in range(3):
            with wave.open(str(tmp_path / name / f"{i}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(8000)
                file.writeframes(np.full(100 + 40 * i, 8192 * (i + 1), "<i2").tobytes())
    return tmp_path


def test_sounds(sounds: Path) -> None:
    def made(**kwargs: Any) -> Any:
        return keras.utils.audio_dataset_from_directory(
            sounds, shuffle=False, verbose=False, batch_size=3, **kwargs
        )

    x, y = next(iter(made()))
    assert x.shape == (3, 180, 1)
    assert x[:, 99, 0].tolist() == [0.25, 0.5, 0.75]
    assert x[:, 150, 0].tolist() == [0, 0, 0.75]
    assert y.tolist() == [0, 0, 0]
    assert next(iter(made(output_sequence_length=50)))[0].shape == (3, 50, 1)
    assert next(iter(made(output_sequence_length=500)))[0].shape == (3, 500, 1)
    ragged, _ = next(iter(made(ragged=True)))
    assert [len(row) for row in ragged.tolist()] == [100, 140, 180]
    slow, _ = next(iter(made(sampling_rate=4000)))
    assert slow.shape == (3, 90, 1)
    assert slow[2, 40, 0].item() == pytest.approx(0.75, abs=1e-3)
    with pytest.raises(ValueError, match="use one of them"):
        made(ragged=True, output_sequence_length=3)
    (sounds / "p" / "0.wav").write_bytes(b"RIFF....WAVE")
    with pytest.raises(FormatError, match=r"0.wav cannot be read as WAV: .*convert it to PCM"):
        list(made())


def test_a_tone_keeps_its_pitch_when_resampled() -> None:
    from penstock_keras_api.data.sources.audio import resampled

    def tone(rate: int) -> Any:
        return np.sin(2 * np.pi * 300 * np.arange(rate // 4) / rate)[:, None].astype(np.float32)

    for wanted in (8000, 22050, 16000):
        found = resampled(tone(16000), 16000, wanted)
        inner = slice(wanted // 50, -wanted // 50)
        assert np.abs(found[inner] - tone(wanted)[inner]).max() < 2e-3


def test_series() -> None:
    def found(*args: Any, **kwargs: Any) -> Any:
        data = keras.utils.timeseries_dataset_from_array(*args, **kwargs)
        return [[part.tolist() for part in batch] for batch in data]

    x, y = np.arange(20), np.arange(100, 120)
    assert found(x, y, 4, sequence_stride=3, sampling_rate=2) == [
        [
            [[0, 2, 4, 6], [3, 5, 7, 9], [6, 8, 10, 12], [9, 11, 13, 15], [12, 14, 16, 18]],
            [100, 103, 106, 109, 112],
        ]
    ]
    assert found(x, y[:3], 3, batch_size=2) == [
        [[[0, 1, 2], [1, 2, 3]], [100, 101]],
        [[[2, 3, 4]], [102]],
    ]
    part = found(x, y, 3, start_index=4, end_index=9, batch_size=None)
    assert part == [[[4, 5, 6], 104], [[5, 6, 7], 105], [[6, 7, 8], 106]]
    data = keras.utils.timeseries_dataset_from_array(x, None, 5, shuffle=True, seed=1)
    rows = np.concatenate([np.asarray(b) for b in data])
    assert sorted(rows[:, 0].tolist()) == list(range(16))
    assert np.array_equal(rows, rows[:, :1] + np.arange(5))
    with pytest.raises(ValueError, match="use a number from 1, below the 20 values"):
        keras.utils.timeseries_dataset_from_array(x, None, 0)


def test_older_names() -> None:
    assert keras.preprocessing.image_dataset_from_directory is images


def _flowers() -> Path:
    mirror = os.environ.get("PENSTOCK_MIRROR")
    if not mirror or not Path(mirror, "datasets", "flowers").is_dir():
        pytest.skip("set PENSTOCK_MIRROR to a folder with datasets/flowers")
    return Path(mirror, "datasets", "flowers")


def test_flowers_are_read_and_train() -> None:
    data = images(
        _flowers(), image_size=(32, 32), batch_size=50, seed=1, validation_split=0.2,
        subset="training", verbose=False,
    )  # fmt: skip
    assert data.class_names == ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
    model = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(5)]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = model.fit(data.map(lambda x, y: (x / 255.0, y)), epochs=3, verbose=0)
    assert losses.history["loss"][-1] < losses.history["loss"][0]


def test_pixels_of_jpegs_are_those_of_pillow() -> None:
    for path in sorted(_flowers().glob("*/*.jpg"))[::60]:
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB"))
        assert np.array_equal(keras.data.read_image(str(path)).numpy(), expected)
