"""Folders of adapted models: they serve without this package, come back to the bit, and say when they are damaged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
import penstock_keras_api as keras
import penstock_models as models
from penstock.errors import FormatError, InvalidValueError
from penstock.safetensors import load_file, save_file
from penstock_models.architectures.bert import BertConfig
from penstock_models.architectures.bert import backbone as bert
from penstock_models.architectures.ssd_mobilenet_v1 import SsdMobilenetV1Config
from penstock_models.data import Boxes, Examples
from penstock_models.evaluation import evaluate_detection
from penstock_models.export import calibrated, deliver, save_small, size_of, slug
from penstock_models.export.folder import file_of
from penstock_models.loaders import adapted
from penstock_models.loaders.text import pooled_by_mean
from penstock_models.presets import Input, Metric, Preset, Source, read_preset
from penstock_models.presets.schema import Features
from penstock_models.tasks.image_classifier import ImageClassifier
from penstock_models.tasks.keyword_spotter import KeywordSpotter
from penstock_models.tasks.object_detector import ObjectDetector
from penstock_models.weights import path_of

LABELS = ("red", "green", "blue")
MIRROR = os.environ.get("PENSTOCK_MIRROR", "")


def small_network() -> keras.Model:
    keras.utils.set_random_seed(5)
    images = keras.Input((None, None, 3), name="images")
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="stem")(images)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Conv2D(16, 1, activation="relu", name="wide")(x)
    return keras.Model(images, {"pooled": keras.layers.GlobalAveragePooling2D()(x)}, name="small")


def pictures(count: int = 36) -> Examples:
    rng = np.random.default_rng(0)
    targets = [i % 3 for i in range(count)]
    made = [
        np.clip(rng.normal(90 + 40 * np.eye(3)[t], 50, (20, 24 + t, 3)), 0, 255).astype(np.uint8)
        for t in targets
    ]
    return Examples("image", made, targets, LABELS, [f"{i}.png" for i in range(count)])


@pytest.fixture(scope="module")
def model() -> Any:
    spec = Input(kind="image", size=(16, 16), mean=(127.5,), scale=1 / 127.5)
    made = ImageClassifier(("any",), spec, None, small_network).adapt("full", labels=LABELS)
    made.fit(pictures(), epochs=3, learning_rate=2e-3)
    return calibrated(made, 1.7)


@pytest.fixture(scope="module")
def folder(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model.save(
        tmp_path_factory.mktemp("saved") / "model",
        name="small.colours",
        licence="MIT",
        trained_on="36 drawn pictures",
        metrics=[Metric(name="accuracy", value=0.9, data="drawn | pictures")],
        intended_use="Tells colours.",
    )


def answers(model: Any) -> np.ndarray:
    return np.asarray(model.probabilities(list(pictures().inputs)).numpy())


def test_a_temperature_keeps_the_best_label_and_the_weights(model: Any) -> None:
    hotter = calibrated(model, 3.0)
    before, after = answers(model), answers(hotter)
    assert (before.argmax(1) == after.argmax(1)).all()
    raised = before ** (1 / 3)
    np.testing.assert_allclose(after, raised / raised.sum(1, keepdims=True), atol=1e-5)
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidValueError, match="one above 0"):
            calibrated(model, wrong)


def test_a_folder_gives_the_same_bits(model: Any, folder: Path) -> None:
    loaded = models.from_preset(folder)
    assert loaded.labels == list(LABELS)
    assert (answers(loaded) == answers(model)).all()
    picture = pictures().inputs[1]
    assert str(loaded.predict(picture)[0][0]) == str(model.predict(picture)[0][0])


def test_the_graph_answers_pictures_of_any_size_without_this_package(
    model: Any, folder: Path
) -> None:
    served = ps.load(folder)
    assert served.metadata["labels"] == list(LABELS)
    got = [served(image)["probabilities"].numpy() for image in pictures().inputs]
    np.testing.assert_allclose(np.stack(got), answers(model), atol=1e-6)
    assert str(served.default).startswith("main(image: uint8[height, width, 3])")
    program = (
        "import sys, numpy, penstock\n"
        f"made = penstock.load({str(folder)!r})(numpy.zeros((9, 31, 3), 'uint8'))\n"
        "assert made['probabilities'].shape == (3,)\n"
        "assert not any(name.startswith(('penstock_models', 'penstock_keras')) for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_two_golden_pairs_are_checked(model: Any, tmp_path: Path) -> None:
    path = model.save(tmp_path / "model")
    assert len(json.loads((path / "graph.json").read_text("utf-8"))["golden"]) == 2
    tensors = {n: np.array(t) for n, t in load_file(path / "weights.safetensors").items()}
    tensors["stem/kernel"] *= -1
    save_file(tensors, path / "weights.safetensors")
    with pytest.raises(FormatError, match="golden"):
        ps.load(path)
    with pytest.raises(FormatError, match=r"not the file that functional\.adapted names"):
        models.from_preset(path)


def test_a_saved_model_can_be_adapted_and_saved_again(folder: Path, tmp_path: Path) -> None:
    few = pictures()
    other = Examples("image", few.inputs, few.targets, ("a", "b", "c"), few.names)
    again = models.from_preset(folder).adapt("full", labels=other.labels)
    again.fit(other, epochs=3, learning_rate=2e-3)
    assert again.evaluate(other)["accuracy"] > 0.6
    saved = models.from_preset(again.save(tmp_path))
    assert saved.labels == ["a", "b", "c"]
    assert (answers(saved) == answers(again)).all()
    assert again.adapted.pooled.output.shape == (None, 16)


def test_the_preset_and_the_card_say_what_it_is(folder: Path) -> None:
    preset = read_preset(folder / "preset.json")
    assert (preset.name, preset.task, preset.licence) == (
        "small.colours",
        "image-classification",
        "MIT",
    )
    assert (folder / "labels.txt").read_text("utf-8") == "red\ngreen\nblue\n"
    card = (folder / "CARD.md").read_text("utf-8")
    for words in ("# small.colours", "Tells colours.", "red, green, blue", "36 drawn pictures", "| training data | not stated | yours |", "drawn \\| pictures"):  # fmt: skip
        assert words in card


def test_hostile_labels_stay_on_their_lines(model: Any, tmp_path: Path) -> None:
    model = model.with_network(model.adapted.network, ["<b>", "two\nlines", "|"])
    model.adapted = calibrated(_adapted(), 1.0).adapted
    path = model.save(tmp_path / "model")
    assert models.from_preset(path).labels == ["<b>", "two lines", "|"]
    assert "<b>" not in (path / "CARD.md").read_text("utf-8")


def test_other_files_of_the_folder_stay(model: Any, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine")
    model.save(tmp_path)
    model.save(tmp_path)
    assert (tmp_path / "report.html").read_text() == "mine"
    assert not (tmp_path / ".saving").exists()


def test_an_interrupted_save_is_no_model(model: Any, tmp_path: Path, monkeypatch: Any) -> None:
    model.save(tmp_path)
    kept = Path.replace

    def cut_off(self: Path, target: Path) -> Path:
        if self.name == "weights.safetensors":
            raise KeyboardInterrupt
        return kept(self, target)

    monkeypatch.setattr(Path, "replace", cut_off)
    with pytest.raises(KeyboardInterrupt):
        model.save(tmp_path)
    assert not (tmp_path / "preset.json").exists()
    assert not (tmp_path / ".saving").exists()


def test_a_damaged_description_is_refused(model: Any, tmp_path: Path) -> None:
    path = model.save(tmp_path)
    text = (path / "network.json").read_text("utf-8")
    for damaged, words in (
        ("{", "does not describe a network"),
        ("[]", "does not describe a network"),
        (
            text.replace('"Conv2D"', '"system"').replace('"keras.layers"', '"os"'),
            "there is no class",
        ),
        (text.replace('"units": 3', '"units": 4'), "another shape"),
    ):
        (path / "network.json").write_text(damaged, "utf-8")
        preset = read_preset(path / "preset.json")
        files = {file.name: path / file.path for file in preset.files}
        with pytest.raises(FormatError, match=words):
            adapted.network(preset, files)


def test_integers_are_kept_only_if_they_are_good_enough(model: Any, tmp_path: Path) -> None:
    pytest.importorskip("penstock_quantization")
    few = pictures()
    kept = save_small(model, tmp_path, few, few)
    assert kept.kept
    assert kept.before - kept.after <= 0.01
    served = ps.load(tmp_path / "int8")
    right = [
        int(served(image)["probabilities"].numpy().argmax()) == target
        for image, target in zip(few.inputs, few.targets, strict=True)
    ]
    assert np.mean(right) == pytest.approx(kept.after)
    refused = save_small(model, tmp_path, few, few, most_lost=-1.0)
    assert not refused.kept
    assert "left out" in refused.note
    assert not (tmp_path / "int8").exists()


def test_a_detector_is_delivered_in_integers_too(tmp_path: Path) -> None:
    pytest.importorskip("penstock_quantization")
    config = SsdMobilenetV1Config(
        size=(48, 48),
        width_multiplier=0.5,
        pairs=((64, 1), (128, 2)),
        taps=(1,),
        extras=((64, 128),),
        least_scale=0.2,
        most_scale=0.6,
        small_first=False,
    )
    detector = ObjectDetector.new(["box"], config)
    rng = np.random.default_rng(0)
    inputs = [rng.integers(0, 256, (50, 70, 3), np.uint8) for _ in range(4)]
    targets = [Boxes(np.array([[0.1, 0.1, 0.6, 0.6]]), np.array([0])) for _ in inputs]
    few = Examples("detection", inputs, targets, ("box",), list("1234"))
    made = deliver(detector, tmp_path, few, few, few, name="ssd.boxes")
    exact, small = made.variants
    assert (exact.name, small.name) == ("float32", "int8")
    assert exact.size == size_of(tmp_path) > 0
    want = evaluate_detection(detector.found(inputs), targets, ("box",)).ap50
    assert exact.accuracy == want
    if small.kept:
        assert small.size is not None
        assert small.size < exact.size
    assert {"boxes", "scores", "classes", "count"} == set(ps.load(tmp_path)(inputs[0]))
    assert made.licences[-1].part == "training data"


def test_without_time_there_are_no_integers(model: Any, tmp_path: Path) -> None:
    few = pictures(6)
    made = deliver(model, tmp_path, few, few, few, seconds=0.0)
    assert [variant.kept for variant in made.variants] == [True, False]
    assert made.variants[1].note == "not tried: no time was left"
    assert made.variants[0].latency is not None
    assert not (tmp_path / "int8").exists()


def test_a_model_of_sounds_is_saved_with_its_features(tmp_path: Path) -> None:
    spec = Input(
        kind="audio",
        rate=4000,
        features=Features(window=256, step=128, bands=10, high=2000.0, coefficients=5),
    )

    def network() -> keras.Model:
        keras.utils.set_random_seed(1)
        sound = keras.Input((30, 5, 1))
        x = keras.layers.Conv2D(6, 3, activation="relu")(sound)
        x = keras.layers.GlobalAveragePooling2D()(x)
        return keras.Model(sound, {"logits": keras.layers.Dense(2)(x)})

    rng = np.random.default_rng(0)
    sounds = [rng.uniform(-1, 1, n).astype(np.float32) for n in (4000, 2500, 5000, 4000)]
    examples = Examples("audio", sounds, [0, 1, 0, 1], ("on", "off"), list("1234"))
    made = KeywordSpotter(("any",), spec, None, network).adapt("probe", labels=("on", "off"))
    made.fit(examples)
    path = made.save(tmp_path)
    want = made.probabilities(sounds).numpy()
    assert (models.from_preset(path).probabilities(sounds).numpy() == want).all()
    served = ps.load(path)
    got = np.stack([served(samples)["probabilities"].numpy() for samples in sounds])
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_what_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    spec = Input(kind="image", size=(16, 16))
    plain = ImageClassifier(("any",), spec, None, small_network)
    with pytest.raises(InvalidValueError, match=r"give what model.adapt\(...\) returns"):
        plain.save(tmp_path)
    with pytest.raises(InvalidValueError, match=r"give what model.adapt"):
        calibrated(plain, 2.0)
    run = lambda batch: {"probabilities": ps.nn.softmax(batch[:, 0, 0])}  # noqa: E731
    head = ImageClassifier(("a", "b", "c"), spec, run).adapt("probe", labels=("x", "y"))
    with pytest.raises(InvalidValueError, match="begin with from_preset"):
        head.save(tmp_path)


def text_preset(folder: Path) -> Path:
    """Write a folder with a small network for sentences, and its words."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cat", "dog", "saw", "axe", "a", "##s"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    sizes = {"vocabulary_size": len(words), "width": 8, "num_layers": 1, "num_heads": 2, "hidden_size": 16, "max_length": 16}  # fmt: skip
    keras.utils.set_random_seed(2)
    network = pooled_by_mean(bert(BertConfig.of(sizes)))
    tensors = {path_of(w, network): w.value.numpy() for w in network.weights}
    save_file(tensors, folder / "weights.safetensors")
    names = {"weights": "weights.safetensors", "vocabulary": "vocab.txt"}
    preset = Preset(
        name="small.sentences",
        task="text-features",
        architecture="bert",
        config=sizes,
        loader="text",
        options={"pooling": "mean", "weights": "own"},
        files=tuple(file_of(folder, n, p) for n, p in names.items()),
        input=Input(kind="text", length=16),
        licence="MIT",
        source=Source(repository="here"),
        trained_on="nothing",
    )
    (folder / "preset.json").write_text(preset.model_dump_json(exclude_defaults=True), "utf-8")
    return folder


def test_a_model_of_texts_takes_its_words_along(tmp_path: Path) -> None:
    (tmp_path / "begin").mkdir()
    texts = ["a cat", "a saw", "dogs", "axes a saw", "", "cat cat dog"]
    examples = Examples("text", texts, [0, 1, 0, 1, 1, 0], ("animal", "tool"), list("123456"))
    begun = models.from_preset(text_preset(tmp_path / "begin"))
    made = begun.adapt("full", labels=examples.labels)
    made.fit(examples, epochs=1)
    path = calibrated(made, 2.0).save(tmp_path / "model", name="small.things")
    shutil.rmtree(tmp_path / "begin")
    want = calibrated(made, 2.0).probabilities(texts).numpy()
    loaded = models.from_preset(path)
    assert (loaded.probabilities(texts).numpy() == want).all()
    served = ps.load(path)
    got = [served(np.asarray(t, object))["probabilities"].numpy() for t in texts]
    np.testing.assert_allclose(np.stack(got), want, atol=1e-5)
    again = loaded.adapt("probe", labels=("x", "y"))
    again.fit(Examples("text", texts, [0, 1, 0, 1, 1, 0], ("x", "y"), list("123456")))
    second = models.from_preset(again.save(tmp_path / "again"))
    shutil.rmtree(path)
    assert (second.probabilities(texts).numpy() == again.probabilities(texts).numpy()).all()


@pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR is not set")
@pytest.mark.parametrize("preset", ["mobilenet_v1.imagenet_025_224_quant", "resnet8.cifar10_quant"])
def test_real_presets_come_back_to_the_bit(preset: str, tmp_path: Path) -> None:
    pytest.importorskip("penstock_formats")
    few = pictures(6)
    made = models.from_preset(preset).adapt("probe", labels=LABELS)
    made.fit(few)
    path = made.save(tmp_path, trained_on="six drawn pictures")
    want = answers(made)
    assert (answers(models.from_preset(path)) == want).all()
    served = ps.load(path)
    got = [served(image)["probabilities"].numpy() for image in pictures().inputs]
    np.testing.assert_allclose(np.stack(got), want, atol=1e-5)
    again = models.from_preset(path).adapt("probe", labels=("x", "y", "z"))
    again.fit(Examples("image", few.inputs, few.targets, ("x", "y", "z"), few.names))
    second = models.from_preset(again.save(tmp_path / "again"))
    assert (answers(second) == answers(again)).all()
    card = (path / "CARD.md").read_text("utf-8")
    assert f"pretrained weights ({preset})" in card
    assert "six drawn pictures" in card


def test_a_tag_of_any_title() -> None:
    assert slug("Ä photo/Folder!") == "photo_folder"
    assert slug("!!") == "adapted"


def _adapted() -> Any:
    spec = Input(kind="image", size=(16, 16))
    return ImageClassifier(("any",), spec, None, small_network).adapt("probe", labels=LABELS)
