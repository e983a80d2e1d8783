"""`penstock predict`: answers, boxes, JSON, and a sentence for everything that is no input."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock_keras_api as keras
from penstock.cli import main
from penstock.errors import FormatError, InvalidValueError
from penstock_models.data import Examples
from penstock_models.preprocessing import read_image
from penstock_models.presets import Input
from penstock_models.report.pictures import png
from penstock_models.tasks.image_classifier import ImageClassifier

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("PIL")
MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR is not set")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model that tells red pictures from blue ones."""

    def network() -> keras.Model:
        pixels = keras.Input((None, None, 3))
        return keras.Model(pixels, {"pooled": keras.layers.GlobalAveragePooling2D()(pixels)})

    inputs = [np.full((8, 8, 3), (200 - 20 * i, 20, 20 * i), np.uint8) for i in range(10)]
    examples = Examples("image", inputs, [int(i > 4) for i in range(10)], ("red", "blue"), list("0123456789"))  # fmt: skip
    spec = Input(kind="image", size=(4, 4), scale=1 / 255)
    model = ImageClassifier(("any",), spec, None, network).adapt("probe", labels=("red", "blue"))
    model.fit(examples)
    path = tmp_path_factory.mktemp("predict")
    for name, pixels in (("red.png", inputs[0]), ("blue.png", inputs[9])):
        (path / name).write_bytes(png(pixels))
    return model.save(path / "model").parent


def test_the_best_labels_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", f"{folder}/model", f"{folder}/red.png", f"{folder}/blue.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder}/red.png"
    assert lines[1].split()[1] == "red"
    assert lines[4].split()[1] == "blue"
    assert main(["predict", f"{folder}/model", f"{folder}/red.png", "--top", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_json_has_all_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", f"{folder}/model", f"{folder}/blue.png", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["input"] == f"{folder}/blue.png"
    assert [guess["label"] for guess in row["guesses"]] == ["blue", "red"]
    assert sum(guess["score"] for guess in row["guesses"]) == pytest.approx(1.0)


def test_one_bad_picture_does_not_stop_the_others(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cut.png").write_bytes((folder / "red.png").read_bytes()[:30])
    given = [f"{tmp_path}/cut.png", f"{tmp_path}/gone.png", f"{folder}/blue.png"]
    assert main(["predict", f"{folder}/model", *given]) == 1
    said = capsys.readouterr()
    assert "cut.png cannot be read as a picture" in said.err
    assert "there is no" in said.err
    assert "blue" in said.out


def test_the_wrong_kind_of_input_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", f"{folder}/model", "song.wav", "notes.txt"]) == 1
    said = capsys.readouterr().err
    assert (
        "song.wav is a sound, and the model takes pictures; give it one, such as photo.jpg" in said
    )
    assert "notes.txt is a text" in said


def test_what_is_no_model(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in (
        (str(tmp_path), "it has no preset.json; give a folder that `penstock finetune` wrote"),
        (f"{folder}/red.png", "it is a file"),
        (f"{tmp_path}/gone", "it is not there"),
        ("no.such_preset", "there is no preset"),
    ):
        assert main(["predict", name, "a.png"]) == 1
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "network.json", "labels.txt", "preset.json"]
)
def test_damaged_files_are_named(
    folder: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (folder / "model").iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    assert main(["predict", str(tmp_path), f"{folder}/red.png"]) == 1
    assert name in capsys.readouterr().err


def test_boxes_are_only_drawn_for_detectors(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", f"{folder}/model", f"{folder}/red.png", "--draw", "x.png"]) == 1
    assert "leave --draw out" in capsys.readouterr().err


def test_boxes_are_drawn_where_they_are(tmp_path: Path) -> None:
    from penstock_models.commands.drawing import draw_boxes

    found = [{"label": "cat", "score": 0.9, "box": [0.25, 0.5, 0.75, 2.0]}]
    black = np.zeros((200, 400, 3), np.uint8)
    drawn = read_image(draw_boxes(black, found, tmp_path / "found.png"))
    assert drawn.shape == (200, 400, 3)
    assert drawn[150, 100].tolist() == drawn[150, 299].tolist() == [0x22, 0xB8, 0xF0]
    assert drawn[150, 200].tolist() == drawn[50, 200].tolist() == [0, 0, 0]
    with pytest.raises(InvalidValueError, match=r"found\.png"):
        draw_boxes(black, found, tmp_path / "found.what")
    with pytest.raises(FormatError, match="there is no"):
        draw_boxes(tmp_path / "gone.png", found, tmp_path / "found.png")


@needs_mirror
def test_a_detector_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("penstock_formats")
    photo = f"{MIRROR}/images/cats_and_dogs.jpg"
    preset = "ssd_mobilenet_v1.coco_quant"
    assert main(["predict", preset, photo, "--draw", f"{tmp_path}/found.png"]) == 0
    assert "cat" in capsys.readouterr().out
    assert read_image(tmp_path / "found.png").shape == read_image(photo).shape
    assert main(["predict", preset, photo, photo, "--draw", "x.png"]) == 1
    assert "one picture at a time" in capsys.readouterr().err


@needs_mirror
def test_texts_are_words_or_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("penstock_formats")
    (tmp_path / "review.txt").write_text("a great film, loved it", "utf-8")
    (tmp_path / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    given: list[Any] = ["a great film, loved it", f"{tmp_path}/review.txt", f"{tmp_path}/latin.txt"]
    assert main(["predict", "bag_of_words.imdb", *given, "--json"]) == 1
    said = capsys.readouterr()
    first, second = json.loads(said.out)
    assert first["guesses"] == second["guesses"]
    assert first["guesses"][0]["label"] == "positive"
    assert "no text in UTF-8; convert it" in said.err
