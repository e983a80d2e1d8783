"""Networks that hear words: their features, their weights, and how they learn other sounds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
import penstock_keras_api as keras
import penstock_models as models
from penstock.errors import InvalidValueError, ShapeError
from penstock_models.architectures import ds_cnn
from penstock_models.architectures.classifier import classifier
from penstock_models.data import Examples
from penstock_models.loaders import tflite
from penstock_models.preprocessing import SoundFeatures, SteadyFeatures
from penstock_models.presets import Features, Input
from penstock_models.sources import find_files
from penstock_models.tasks.keyword_spotter import KeywordSpotter

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")
WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
RATE = 16000


def clips() -> list[Path]:
    return [Path(MIRROR) / "datasets" / "speech_command_clips" / f"{word}.wav" for word in WORDS]


def tones(count: int, seed: int) -> tuple[list[Any], np.ndarray]:
    """Make low and high tones in noise, and which they are."""
    rng = np.random.default_rng(seed)
    time = np.arange(RATE) / RATE
    classes = np.arange(count) % 2
    pitches = np.where(classes == 0, rng.uniform(200, 400, count), rng.uniform(900, 1800, count))
    sounds = [
        (0.3 * np.sin(2 * np.pi * p * time) + 0.05 * rng.normal(size=RATE)).astype("float32")
        for p in pitches
    ]
    return sounds, classes


def examples_of(count: int, seed: int) -> Examples:
    sounds, classes = tones(count, seed)
    names = [f"tone {i}" for i in range(count)]
    return Examples("audio", sounds, classes.tolist(), ("low", "high"), names)


def by_hand(sound: np.ndarray, window: int, step: int, offset: float, floor: float) -> np.ndarray:
    """Compute 10 coefficients for each frame, formula by formula."""
    points = 1 << (window - 1).bit_length()
    starts = range(0, len(sound) - window + 1, step)
    frames = np.stack([sound[at : at + window] for at in starts]).astype("float64")
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    sizes = np.abs(np.fft.rfft(frames * shape, points))

    def mel(hertz: Any) -> Any:
        return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)

    edges = np.linspace(mel(20.0), mel(4000.0), 42)
    places = mel(np.arange(points // 2 + 1) * RATE / points)
    rising = (places[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - places[:, None]) / (edges[2:] - edges[1:-1])
    bands = np.maximum(0.0, np.minimum(rising, falling))
    bands[0] = 0.0
    logs = np.log(np.maximum(sizes @ bands + offset, floor))
    k, n = np.arange(10)[None, :], np.arange(40)[:, None]
    return logs @ (np.cos(np.pi * (n + 0.5) * k / 40) * np.sqrt(2 / 40))


@pytest.mark.parametrize(("window", "offset", "floor"), [(640, 0.0, 1e-12), (480, 1e-6, 0.0)])
def test_features_are_what_the_formulas_say(window: int, offset: float, floor: float) -> None:
    (sound,), _ = tones(1, 3)
    layer = SoundFeatures(RATE, window, 320, offset=offset, floor=floor)
    made = layer(sound[None]).numpy()
    assert made.shape == (1, 49, 10, 1)
    np.testing.assert_allclose(
        made[0, ..., 0], by_hand(sound, window, 320, offset, floor), atol=2e-3
    )
    loud = SoundFeatures(RATE, window, 320, offset=offset, floor=floor, loudest=True)
    np.testing.assert_allclose(loud(sound[None] / 7).numpy(), loud(sound[None]).numpy(), atol=2e-3)
    assert layer.compute_output_shape((None, RATE)) == (None, 49, 10, 1)
    assert SoundFeatures.from_config(layer.get_config()).offset == offset
    with pytest.raises(ShapeError, match=f"at least {window} samples long"):
        layer(np.zeros((1, 100), "float32"))


@needs_mirror
@pytest.mark.parametrize("name", ["ds_cnn.speech_commands_small", "ds_cnn.speech_commands_large"])
def test_the_network_says_what_tensorflows_graph_says(name: str) -> None:
    model = models.from_preset(name)
    samples = model.prepare(clips())
    logits = model.network(model.featured(samples))["logits"]
    # The file's graph makes features itself, by TensorFlow's own ops.
    want = model.probabilities(clips()).numpy()
    np.testing.assert_allclose(ps.nn.softmax(logits).numpy(), want, atol=1e-4)
    assert [model.labels[i] for i in want.argmax(1)] == list(WORDS)


@needs_mirror
@pytest.mark.parametrize("name", ["ds_cnn.mlperf_tiny", "ds_cnn.mlperf_tiny_quant"])
def test_the_reference_of_mlperf_hears_words(name: str) -> None:
    model = models.from_preset(name)
    assert [guess[0].label for guess in model.predict(clips())] == list(WORDS)
    said = model.probabilities(clips()).numpy()
    logits = model.network(model.featured(model.prepare(clips())))["logits"]
    near = 0.06 if name.endswith("quant") else 1e-5
    np.testing.assert_allclose(ps.nn.softmax(logits).numpy(), said, atol=near)
    preset = model.preset
    other = preset.model_copy(update={"config": {**preset.config, "num_blocks": 5}})
    with pytest.raises(ValueError, match="give the sizes that the file was made with"):
        tflite.network(other, find_files(preset))


@needs_mirror
def test_the_smallest_network_hears_yes_and_no() -> None:
    model = models.from_preset("tiny_conv.yes_no_quant")
    folder = Path(MIRROR) / "weights" / "micro_speech"
    sounds = [folder / f"{name}_1000ms.wav" for name in ("yes", "no", "noise", "silence")]
    said = [row[0].label for row in model.predict(sounds)]
    assert said == ["yes", "no", "silence", "silence"]
    logits = model.network(model.featured(model.prepare(sounds)))["logits"]
    scores = ps.nn.softmax(logits).numpy()
    np.testing.assert_allclose(scores, model.probabilities(sounds).numpy(), atol=0.05)


def test_steady_noise_is_taken_away() -> None:
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=RATE) * 0.05).astype("float32")
    word = np.zeros(RATE, "float32")
    word[8000:10000] = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(2000) / RATE)
    layer = SteadyFeatures(RATE, 480, 320)
    heard = layer(np.stack([noise, noise + word])).numpy()[..., 0]
    assert heard.shape == (2, 49, 40)
    late = heard[0, 20:].mean() / heard[0, :3].mean()
    assert late < 0.8  # what stays the same is heard less and less
    during, before = heard[1, 26:31].max(1).mean(), heard[1, 15:23].max(1).mean()
    assert during > before + 2
    softer = layer((noise + word)[None] / 4).numpy()[0, :, :, 0]
    # A quarter of the amplitude would be 3.5 less in plain logarithms.
    assert np.abs(softer[26:31].max(1) - heard[1, 26:31].max(1)).max() < 1.5
    assert SteadyFeatures.from_config(layer.get_config()).bands == 40
    with pytest.raises(ShapeError, match="at least 480 samples long"):
        layer(np.zeros((1, 100), "float32"))


def untrained() -> KeywordSpotter:
    keras.utils.set_random_seed(0)
    config = ds_cnn.DsCnnConfig(width=32, num_blocks=1)
    network = classifier(ds_cnn.backbone(config), 3)
    spec = Input(kind="audio", rate=RATE, features=Features(window=640, step=320))
    return KeywordSpotter(["a", "b", "c"], spec, None, lambda: network)


@pytest.mark.parametrize("strategy", ["probe", "full"])
def test_spotters_learn_other_sounds(strategy: str) -> None:
    model = untrained().adapt(strategy, labels=["low", "high"], seed=1)
    model.fit(examples_of(24, 0), epochs=None if strategy == "probe" else 4)
    others = examples_of(16, 1)
    assert model.evaluate(others)["accuracy"] > 0.9
    guess = model.predict(others.inputs[1], top=1)[0][0]
    assert guess.score > 0.5


@needs_mirror
def test_finished_graphs_are_probed() -> None:
    model = models.from_preset("dnn.speech_commands_small")
    with pytest.raises(InvalidValueError, match="is a finished graph and cannot be trained"):
        _ = model.network
    adapted = model.adapt("probe", labels=["low", "high"])
    adapted.fit(examples_of(12, 0))
    assert adapted.evaluate(examples_of(12, 0))["accuracy"] > 0.9


def test_sounds_are_varied_as_the_seed_says() -> None:
    model = untrained()
    samples = model.prepare(tones(3, 0)[0])
    once = model.feed(samples, np.random.default_rng(0)).numpy()
    again = model.feed(samples, np.random.default_rng(0)).numpy()
    np.testing.assert_array_equal(once, again)
    plain = model.feed(samples).numpy()
    assert plain.shape == once.shape
    assert np.abs(plain - once).max() > 0.1


def test_a_spotter_needs_words() -> None:
    with pytest.raises(InvalidValueError, match="give a word for each class"):
        KeywordSpotter([], Input(kind="audio", rate=RATE))
