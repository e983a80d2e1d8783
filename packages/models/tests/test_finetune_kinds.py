"""Whole runs of `finetune` on texts and sounds, from small networks of random weights that were saved as presets."""

from __future__ import annotations

import hashlib
import wave
from pathlib import Path

import numpy as np
import pytest

import penstock as ps
import penstock_keras_api as keras
import penstock_models as models
from penstock.errors import FormatError
from penstock.safetensors import save_file
from penstock_models.architectures.bert import BertConfig, backbone
from penstock_models.data import Examples
from penstock_models.loaders.text import pooled_by_mean
from penstock_models.presets import Features, File, Input, Preset, Source
from penstock_models.tasks.keyword_spotter import KeywordSpotter
from penstock_models.weights import path_of

SUBJECTS = {"animal": ["cat", "dog", "horse", "cow"], "tool": ["saw", "drill", "hammer", "plane"]}
FILLING = ["the", "a", "my", "old", "new", "big", "small", "is", "here", "and", "it", "very"]
RATE = 4000


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preset that reads texts."""
    words = [word for several in SUBJECTS.values() for word in several]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words, *FILLING]
    config = BertConfig(
        vocabulary_size=len(tokens),
        width=32,
        num_layers=2,
        num_heads=2,
        hidden_size=32,
        max_length=16,
    )
    keras.utils.set_random_seed(3)
    network = pooled_by_mean(backbone(config))
    folder = tmp_path_factory.mktemp("reader")
    (folder / "vocab.txt").write_text("\n".join(tokens))
    tensors = {path_of(weight, network): weight.numpy() for weight in network.weights}
    save_file(tensors, folder / "weights.safetensors")
    files = {"weights": "weights.safetensors", "vocabulary": "vocab.txt"}
    preset = Preset(
        name="bert.tiny",
        task="text-features",
        architecture="bert",
        config=config.model_dump(),
        loader="text",
        options={"pooling": "mean", "weights": "own"},
        files=tuple(
            File(
                name=name,
                path=path,
                sha256=hashlib.sha256((folder / path).read_bytes()).hexdigest(),
            )
            for name, path in files.items()
        ),
        input=Input(kind="text", length=16),
        licence="CC0-1.0",
        source=Source(repository="drawn for a test"),
        trained_on="nothing",
    )
    (folder / "preset.json").write_text(preset.model_dump_json())
    return folder


def sentences(path: Path, count: int = 90) -> Path:
    rng = np.random.default_rng(0)
    lines = ["label,text"]
    for number in range(count):
        label = ("animal", "tool")[number % 2]
        words = list(rng.choice(FILLING, rng.integers(3, 9)))
        words[rng.integers(len(words))] = str(rng.choice(SUBJECTS[label]))
        lines.append(f"{label},{' '.join(words)}")
    path.write_text("\n".join(lines))
    return path


def test_a_table_of_texts(reader: Path, tmp_path: Path) -> None:
    table = sentences(tmp_path / "things.csv")
    result = models.finetune(
        table, reader, out=tmp_path / "model", time="5m", strategy="full", verbose=False
    )
    assert result.record["data"]["kind"] == "text"
    assert result.accuracy > 0.6
    served = ps.load(result.folder)("my old dog")["probabilities"].numpy()
    guess = result.model.predict("my old dog", top=1)[0][0]
    assert served.argmax() == guess.index
    assert "the label the one named label" in result.report.read_text()
    again = models.finetune(
        table, reader, out=tmp_path / "again", replay=result.folder, verbose=False
    )
    assert again.record["replay"]["same"] is True


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preset that hears sounds of 4000 samples a second."""
    features = Features(window=256, step=128, bands=10, high=2000.0, coefficients=5)
    spec = Input(kind="audio", rate=RATE, features=features)

    def network() -> keras.Model:
        keras.utils.set_random_seed(1)
        sound = keras.Input((30, 5, 1))
        x = keras.layers.Conv2D(6, 3, activation="relu")(sound)
        x = keras.layers.GlobalAveragePooling2D()(x)
        return keras.Model(sound, {"logits": keras.layers.Dense(2)(x)})

    begun = KeywordSpotter(("any",), spec, None, network).adapt("probe", labels=("on", "off"))
    rng = np.random.default_rng(0)
    sounds = [rng.uniform(-1, 1, RATE).astype(np.float32) for _ in range(4)]
    begun.fit(Examples("audio", sounds, [0, 1, 0, 1], ("on", "off"), list("1234")))
    folder: Path = begun.save(tmp_path_factory.mktemp("listener") / "preset")
    return folder


def tones(base: Path, rate: int, count: int = 20) -> Path:
    rng = np.random.default_rng(2)
    for word, low, high in (("low", 150, 300), ("high", 800, 1500)):
        (base / word).mkdir(parents=True)
        for number in range(count):
            turns = np.arange(rate) / rate * rng.uniform(low, high)
            samples = 6000 * np.sin(2 * np.pi * turns) + rng.normal(0, 400, rate)
            with wave.open(str(base / word / f"{number}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(rate)
                file.writeframes(samples.astype("<i2").tobytes())
    return base


def test_folders_of_sounds(listener: Path, tmp_path: Path) -> None:
    result = models.finetune(
        tones(tmp_path / "tones", RATE),
        listener,
        out=tmp_path / "model",
        strategy="probe",
        verbose=False,
    )
    assert result.record["data"]["kind"] == "audio"
    assert result.accuracy > 0.9
    assert (
        result.model.predict(str(tmp_path / "tones" / "low" / "3.wav"), top=1)[0][0].label == "low"
    )


def test_sounds_of_another_rate(listener: Path, tmp_path: Path) -> None:
    with pytest.raises(
        FormatError, match=r"8000 samples in a second; expected 16 bits and 4000: convert it"
    ):
        models.finetune(
            tones(tmp_path / "tones", 8000, 6), listener, out=tmp_path / "model", verbose=False
        )
