"""Recipes: the folder they write, going on after an interruption, and the presets that ship."""

from __future__ import annotations

import hashlib
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock_keras_api as keras
import penstock_models as models
from penstock.errors import FormatError, InvalidValueError
from penstock.safetensors import load_file, save_file
from penstock_models.architectures.classifier import classifier
from penstock_models.architectures.lenet import LenetConfig, backbone
from penstock_models.presets import Input, Metric, golden
from penstock_models.presets.catalogue import SHIPPED
from penstock_models.recipes import Progress, Run, publish, start
from penstock_models.weights import from_int8, to_int8

CONFIG = LenetConfig(image_size=12, filters=(2, 3), widths=(8, 8))
FACTS: dict[str, Any] = {
    "task": "image-classification",
    "architecture": "lenet",
    "config": CONFIG.model_dump(mode="json"),
    "options": {"head": "classifier"},
    "input": Input(kind="image", size=(12, 12), channels=1, scale=1 / 255),
    "labels": ("light", "dark"),
    "licence": "CC0-1.0",
    "trained_on": "Noise.",
}
SHIPPED_NAMES = sorted(path.parent.name for path in SHIPPED.glob("*/preset.json"))


def pictures() -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(64) % 2
    noise = np.random.default_rng(0).uniform(0, 0.4, (64, 12, 12, 1))
    return (noise + 0.5 * (1 - y)[:, None, None, None]).astype("float32"), y


def begin(out: Path, *arguments: str) -> Run:
    return start("lenet.test", "", arguments=["--data", ".", "--out", str(out), *arguments])


def train(run: Run, epochs: int = 3, stop: int | None = None) -> tuple[keras.Model, Progress]:
    def end(epoch: int, logs: Any) -> None:
        if epoch == stop:
            raise KeyboardInterrupt

    network = classifier(backbone(CONFIG), 2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(1e-2), {"logits": loss})
    progress = Progress(run)
    callbacks = [*progress.callbacks(), keras.callbacks.LambdaCallback(on_epoch_begin=end)]
    x, y = pictures()
    network.fit(x, {"logits": y}, epochs=epochs, batch_size=16, verbose=0, callbacks=callbacks)
    return network, progress


def published(out: Path, **more: Any) -> Path:
    network, progress = train(begin(out))
    metric = Metric(name="accuracy", value=1.0, data="noise", note="a|b")
    question = np.full((12, 12, 1), 200).tolist()
    return publish(network, progress, facts=FACTS, metrics=[metric], question=question, **more)


def test_a_folder_gives_the_network_that_was_trained(tmp_path: Path) -> None:
    network, progress = train(begin(tmp_path))
    question = np.zeros((12, 12, 1), int).tolist()
    publish(network, progress, facts=FACTS, metrics=[], question=question)
    x, y = pictures()
    model = models.from_preset(tmp_path)
    np.testing.assert_array_equal(model.network(x)["logits"].numpy(), network(x)["logits"].numpy())
    said = model.probabilities((x * 255).astype("uint8")).numpy().argmax(1)
    assert (said == y).mean() > 0.9
    golden.check(tmp_path)


def test_the_card_the_curve_and_the_command_are_in_the_folder(tmp_path: Path) -> None:
    folder = published(tmp_path / "made")
    card = (folder / "CARD.md").read_text("utf-8")
    assert "| accuracy | 1 | noise | a\\|b |" in card
    assert "CC0-1.0" in card
    curve = json.loads((folder / "curve.json").read_text("utf-8"))
    assert [point["epoch"] for point in curve["points"]] == [1, 2, 3]
    picture = ET.fromstring((folder / "curve.svg").read_text("utf-8"))
    assert len(picture.findall(".//{*}polyline")) == 1
    recipe = json.loads((folder / "preset.json").read_text("utf-8"))["recipe"]
    assert str(tmp_path) not in recipe["command"]
    assert not (folder / "backup").exists()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    made = [published(tmp_path / name) / "weights.safetensors" for name in "ab"]
    assert made[0].read_bytes() == made[1].read_bytes()


def test_weights_of_a_quarter_of_the_size_answer_nearly_the_same(tmp_path: Path) -> None:
    whole, small = published(tmp_path / "whole"), published(tmp_path / "small", int8=True)
    x = (pictures()[0] * 255).astype("uint8")
    a, b = (models.from_preset(f).probabilities(x).numpy() for f in (whole, small))
    np.testing.assert_allclose(a, b, atol=0.02)


def test_int8_weights_are_off_by_half_a_step_at_most_and_round_once() -> None:
    rng = np.random.default_rng(0)
    scales = np.exp(rng.normal(size=(40, 1)))
    tensors = {
        "rows": (rng.normal(size=(40, 50)) * scales).astype("float32"),
        "columns": (rng.normal(size=(50, 40)) * scales.T).astype("float32"),
        "zeros": np.zeros((40, 40), "float32"),
        "vector": rng.normal(size=2000).astype("float32"),
    }
    stored = to_int8(tensors)
    assert stored["rows:factor"].shape == (40, 1)
    assert stored["columns:factor"].shape == (1, 40)
    assert stored["vector"].dtype == "float32"
    assert {str(stored[n].dtype) for n in ("rows", "columns", "zeros")} == {"int8"}
    made = from_int8(stored)
    assert made.keys() == tensors.keys()
    for name in ("rows", "columns", "zeros"):
        off = np.abs(made[name] - tensors[name])
        assert (off <= stored[name + ":factor"] * 0.5001).all()
    again = from_int8(to_int8(made))
    for name, value in made.items():
        np.testing.assert_allclose(again[name], value, rtol=1e-6)


def test_weights_of_half_the_size_answer_nearly_the_same(tmp_path: Path) -> None:
    whole, half = published(tmp_path / "whole"), published(tmp_path / "half", half=True)
    sizes = [(f / "weights.safetensors").stat().st_size for f in (whole, half)]
    assert sizes[1] < 0.7 * sizes[0]
    x = (pictures()[0] * 255).astype("uint8")
    a, b = (models.from_preset(f).probabilities(x).numpy() for f in (whole, half))
    np.testing.assert_allclose(a, b, atol=2e-3)


def test_an_interrupted_recipe_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole, _ = train(begin(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        train(begin(tmp_path / "cut"), stop=2)
    network, progress = train(begin(tmp_path / "cut"))
    assert [point["epoch"] for point in progress.points] == [1, 2, 3]
    for a, b in zip(whole.weights, network.weights, strict=True):
        np.testing.assert_array_equal(a.value.numpy(), b.value.numpy())


def test_time_that_is_over_ends_training(tmp_path: Path) -> None:
    _, progress = train(begin(tmp_path, "--time", "0.000001s"), epochs=1000)
    assert len(progress.points) == 1


def test_a_damaged_preset_does_not_answer_as_it_did(tmp_path: Path) -> None:
    folder = published(tmp_path)
    path = folder / "preset.json"
    weights = {k: -v.numpy() for k, v in load_file(folder / "weights.safetensors").items()}
    save_file(weights, folder / "weights.safetensors")
    with pytest.raises(FormatError, match="damaged or another version"):
        golden.check(folder)
    found = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    facts = json.loads(path.read_text("utf-8"))
    facts["files"][0]["sha256"] = found
    path.write_text(json.dumps(facts), "utf-8")
    with pytest.raises(FormatError, match="its weights are damaged, or this version computes"):
        golden.check(folder)


def test_mistakes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_MIRROR", raising=False)
    with pytest.raises(InvalidValueError, match="give --data FOLDER, or set PENSTOCK_MIRROR"):
        start("lenet.test", "", arguments=["--out", str(tmp_path)])
    with pytest.raises(InvalidValueError, match="type a number with s, m or h"):
        begin(tmp_path, "--time", "soon")
    with pytest.raises(FormatError, match="its recipe writes one"):
        golden.check("mobilenet_v1.imagenet_025_224")
    with pytest.raises(InvalidValueError, match="add one to ANSWERS"):
        golden.answer(type("M", (), {"preset": models.find_preset("rfb.face_320")}), [])


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_presets_that_ship_answer_without_a_mirror(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PENSTOCK_MIRROR", raising=False)
    monkeypatch.setenv("PENSTOCK_OFFLINE", "1")
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path))
    assert name in models.list_presets()
    golden.check(name)
    folder = SHIPPED / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_000_000
    assert {"CARD.md", "curve.json", "curve.svg"} <= {path.name for path in folder.iterdir()}
    preset = models.find_preset(name)
    assert preset.metrics
    assert preset.recipe is not None
    assert preset.limits
