"""Real models that hear words: frozen graphs of every kind of net, and a SavedModel of Keras."""

import json
import os
import wave
from pathlib import Path

import numpy as np
import pytest

import penstock as ps
from penstock.saved import GraphModel
from penstock_formats.tensorflow.read import read

pytest.importorskip("google.protobuf")
LABELS = [
    "silence",
    "_unknown_",
    "yes",
    "no",
    "up",
    "down",
    "left",
    "right",
    "on",
    "off",
    "stop",
    "go",
]
MODELS = ("DS_CNN_S", "DS_CNN_L", "CNN_S", "DNN_S", "Basic_LSTM_S", "LSTM_S", "GRU_S", "CRNN_S")


@pytest.fixture(scope="module")
def hub() -> Path:
    if "PENSTOCK_MIRROR" not in os.environ:
        pytest.skip("PENSTOCK_MIRROR names no folder of weights")
    return Path(os.environ["PENSTOCK_MIRROR"])


def second_of(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
    padded = np.zeros((16_000, 1), np.float32)
    padded[: len(samples), 0] = samples[:16_000] / 32_768
    return padded


@pytest.mark.parametrize("name", MODELS)
def test_words_are_heard(hub: Path, name: str) -> None:
    model = read(hub / "weights" / "ml_kws" / f"{name}.pb")
    assert isinstance(model, GraphModel)
    expected = json.loads((hub / "expected.json").read_text())["speech_commands_ml_kws_float"][name]
    heard = {}
    for word in expected["predicted"]:
        scores = model(second_of(hub / "datasets" / "speech_command_clips" / f"{word}.wav"))
        heard[word] = LABELS[int(scores.numpy().argmax())]
    assert heard == expected["predicted"]


def test_saved_model_of_keras(hub: Path) -> None:
    model = read(hub / "weights" / "mlcommons_kws" / "kws_ref_model")
    assert isinstance(model, GraphModel)
    answer = model(ps.ones((2, 49, 10, 1)))
    assert answer.shape == (2, 12)
    np.testing.assert_allclose(answer.numpy().sum(1), 1.0, atol=1e-6)
    assert sum(not v.trainable for v in model.variables.values()) == 18
