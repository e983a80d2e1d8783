"""How an adapted network is trained: small matrices, rates, the best weights, and going on after Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock_keras_api as keras
from penstock.errors import FormatError, InvalidValueError
from penstock_models.adapt import History, Recipe, Strategy
from penstock_models.adapt.blocks import blocks_of
from penstock_models.adapt.lora import attach
from penstock_models.adapt.material import Material
from penstock_models.adapt.network import compiled, with_new_head
from penstock_models.adapt.schedule import Schedule
from penstock_models.adapt.steps import Learner
from penstock_models.adapt.weighting import epoch_order
from penstock_models.data import Examples
from penstock_models.presets import Input
from penstock_models.tasks.image_classifier import ImageClassifier

LABELS = ("red", "green", "blue")
SPEC = Input(kind="image", size=(16, 16), mean=(127.5,), scale=1 / 127.5)


def small_network() -> keras.Model:
    """Make three blocks with a norm, a way around and two dense layers, always of the same weights."""
    keras.utils.set_random_seed(7)
    layers = keras.layers
    images = keras.Input((None, None, 3), name="images")
    x = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu", name="stem")(images)
    x = layers.BatchNormalization(name="stem_norm")(x)
    y = layers.Conv2D(12, 3, padding="same", activation="relu", name="way")(x)
    x = layers.Add()([x, y])
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Reshape((3, 4))(x)
    x = layers.EinsumDense("abc,cde->abde", (3, 4, 6), name="many")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(16, activation="relu", name="last")(x)
    return keras.Model(images, {"pooled": x}, name="small")


def classifier() -> ImageClassifier:
    return ImageClassifier(("any",), SPEC, None, small_network)


def pictures(count: int = 36, seed: int = 0) -> Examples:
    rng = np.random.default_rng(seed)
    targets = [i % 3 for i in range(count)]
    made = [
        np.clip(rng.normal(90 + 40 * np.eye(3)[t], 50, (20, 24, 3)), 0, 255).astype(np.uint8)
        for t in targets
    ]
    return Examples("image", made, targets, LABELS, [f"{i}.png" for i in range(count)])


def weights_of(model: Any) -> dict[str, np.ndarray]:
    return {w.path: w.numpy() for w in model.network.weights}


def test_small_matrices_learn_alone_and_are_merged_exactly() -> None:
    adapted = with_new_head(small_network(), 3, Strategy.of("lora:2"))
    few = np.random.default_rng(0).normal(size=(6, 16, 16, 3)).astype(np.float32)
    before = {w.path: w.numpy() for w in adapted.network.weights}
    learner = Learner(adapted, Recipe(learning_rate=1e-2))
    names = {w.path.split("/")[-1] for w in learner.weights}
    assert names == {"lora_a", "lora_b", "kernel", "bias"}  # the last two are the head's
    assert len(learner.weights) == 2 * 4 + 2
    y = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    for _ in range(5):
        learner.step(few, y, np.ones(6, np.float32), 1.0)
    with_small = learner.logits(few).numpy()
    still = {w.path: w.numpy() for w in adapted.network.weights}
    large = [path for path in before if "classifier" not in path]
    assert all((still[path] == before[path]).all() for path in large)
    learner.finish(learner.kept())
    after = {w.path: w.numpy() for w in adapted.network.weights}
    assert set(after) == set(before)
    kernels = {p for p in large if (after[p] != before[p]).any()}
    assert {p.split("/")[-2] for p in kernels} == {"stem", "way", "many", "last"}
    assert all(np.linalg.matrix_rank(_flat(after[p] - before[p]), 1e-5) <= 2 for p in kernels)
    merged = compiled(adapted.network)(few)["logits"].numpy()
    np.testing.assert_array_equal(merged, with_small)


def _flat(matrix: np.ndarray) -> np.ndarray:
    return matrix.reshape(-1, matrix.shape[-1])


def test_matrices_that_are_small_already_are_left_alone() -> None:
    network = small_network()
    blocks = blocks_of(network, network.output["pooled"])
    assert [len(block) for block in attach(blocks, 6, 0)] == [1, 1, 0, 1]


def test_lora_learns() -> None:
    few = pictures()
    model = classifier().adapt("lora:2", labels=LABELS)
    model.fit(few, epochs=6)
    assert model.evaluate(few)["accuracy"] > 0.9


def test_lower_blocks_move_less() -> None:
    adapted = with_new_head(small_network(), 3, Strategy.of("full"))
    learner = Learner(adapted, Recipe(learning_rate=1e-3, depth_decay=0.5, weight_decay=0.0))
    before = {w.path: w.numpy() for w in learner.weights}
    adapted.head.set_weights([np.eye(16, 3, dtype=np.float32), np.zeros(3, np.float32)])
    x = np.random.default_rng(1).normal(size=(3, 16, 16, 3)).astype(np.float32)
    learner.step(x, np.eye(3, dtype=np.float32), np.ones(3, np.float32), 1.0)
    # Adam's first step moves every weight that has a gradient by the rate itself.
    moved = {
        path.split("/")[-2]: np.abs(w.numpy() - before[path]).max()
        for w in learner.weights
        if (path := w.path).endswith("kernel") and "classifier" not in path
    }
    rates = {"stem": 1e-3 / 8, "way": 1e-3 / 4, "many": 1e-3 / 2, "last": 1e-3}
    for name, rate in rates.items():
        assert moved[name] == pytest.approx(rate, rel=0.02)


def test_the_best_weights_are_kept() -> None:
    few, other = pictures(24), pictures(30, seed=1)
    model = classifier().adapt("full", labels=LABELS)
    history = model.fit(few, other, epochs=40, learning_rate=0.05, patience=3, start="zeros")
    losses = history.history["val_loss"]
    assert history.best_epoch == int(np.argmin(losses))
    assert history.epochs == min(40, history.best_epoch + 1 + 3)
    assert history.epochs < 40
    assert model.evaluate(other)["loss"] == pytest.approx(min(losses), rel=1e-4)


def test_examples_are_held_back_to_know_when_to_stop() -> None:
    model = classifier().adapt("partial:1", labels=LABELS)
    history = model.fit(pictures(), epochs=3, patience=2)
    assert len(history.history["val_loss"]) == history.epochs
    assert history.resolved["examples"] == 30


def test_the_mean_of_weights_is_what_is_kept() -> None:
    adapted = with_new_head(small_network(), 3, Strategy.of("partial:1"))
    learner = Learner(adapted, Recipe(learning_rate=1e-2, average=0.5))
    x = compiled(adapted.frozen)(np.random.default_rng(1).normal(size=(3, 16, 16, 3)).astype("f4"))
    mean = [w.numpy() for w in learner.weights]
    for step in range(1, 5):
        learner.step(x, np.eye(3, dtype=np.float32), np.ones(3, np.float32), 1.0)
        momentum = min(0.5, step / (step + 10))
        mean = [
            m * momentum + w.numpy() * (1 - momentum)
            for m, w in zip(mean, learner.weights, strict=True)
        ]
    for kept, want in zip(learner.kept(), mean, strict=True):
        np.testing.assert_allclose(kept, want, rtol=1e-5, atol=1e-7)


def test_rare_classes_are_shown_as_often() -> None:
    targets = np.array([0] * 90 + [1] * 10)
    rng = np.random.default_rng(0)
    shown = np.concatenate([targets[epoch_order(targets, True, rng)] for _ in range(20)])
    assert abs(shown.mean() - 0.5) < 0.05
    assert sorted(epoch_order(targets, False, rng)) == list(range(100))


def test_rates_grow_and_fall() -> None:
    schedule = Schedule(Recipe(epochs=5, batch_size=10, warm_up=0.2), 40, time.monotonic())
    rates = []
    while not schedule.is_over:
        rates += [rate for _, rate in schedule.epoch()]
    assert len(rates) == 20
    assert np.argmax(rates) == 4
    assert rates[0] == pytest.approx(0.5 / 4, rel=1e-6)
    assert rates[-1] < 0.02
    assert rates[4:] == sorted(rates[4:], reverse=True)


def test_versions_of_pictures_are_cached_below_the_cut() -> None:
    few = pictures(12)
    model = classifier().adapt("partial:1", labels=LABELS)
    material = Material(model, model.adapted, few.inputs, 3, seed=0)
    assert len(material._kept) == 4
    rng = np.random.default_rng(0)
    batch = np.asarray(material.batch(np.array([4, 4, 4, 4, 4, 4]), rng)[0])
    assert 1 < len({row.tobytes() for row in batch}) <= 4
    whole = model.adapted.frozen(model.feed(model.store(few.inputs)))
    want = model.adapted.learning(whole)["logits"].numpy()
    learner = Learner(model.adapted, Recipe())
    np.testing.assert_allclose(material.plain(learner.logits), want, rtol=1e-5, atol=1e-6)
    some = material.subset(np.array([7, 3]))
    np.testing.assert_allclose(some.plain(learner.logits), want[[7, 3]], rtol=1e-5, atol=1e-6)
    pooled = model.adapted.pooled(model.feed(model.store(few.inputs)))
    np.testing.assert_allclose(material.pooled(), pooled, rtol=1e-5, atol=1e-6)


def test_too_many_pictures_are_read_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    few = pictures(12)
    model = classifier().adapt("full", labels=LABELS)
    want = model.feed(model.store(few.inputs)).numpy()
    varied = model.feed(model.store(few.inputs, larger=True), np.random.default_rng(3)).numpy()
    monkeypatch.setattr("penstock_models.adapt.pictures.ROOM", 1000)
    stored = model.store(few.inputs)
    assert stored.dtype == object
    np.testing.assert_array_equal(model.feed(stored).numpy(), want)
    np.testing.assert_array_equal(model.feed(stored, np.random.default_rng(3)).numpy(), varied)


def test_what_frozen_layers_make_is_not_kept_without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    few = pictures(12)
    model = classifier().adapt("partial:1", labels=LABELS)
    kept = Material(model, model.adapted, few.inputs, 2, seed=0)
    monkeypatch.setattr("penstock_models.adapt.material.ROOM", 100)
    fresh = Material(model, model.adapted, few.inputs, 2, seed=0)
    assert not fresh._kept
    np.testing.assert_allclose(fresh.pooled(), kept.pooled(), rtol=1e-5, atol=1e-6)


CHILD = """
import sys
sys.path.insert(0, {tests!r})
from test_adapt_training import classifier, pictures, LABELS
import penstock_keras_api as keras

class Tell(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("epoch", epoch, flush=True)

model = classifier().adapt("partial:2", labels=LABELS)
model.fit(pictures(), epochs=60, checkpoint={folder!r}, callbacks=[Tell()])
"""


def test_a_training_goes_on_after_ctrl_c(tmp_path: Path) -> None:
    code = CHILD.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("epoch 3"):
                child.send_signal(signal.SIGINT)
                break
        child.stdout.read()
    assert child.returncode != 0
    assert (tmp_path / "training.npz").exists()
    with pytest.raises(InvalidValueError, match="give the same ones, or remove it to train anew"):
        classifier().adapt("partial:2", labels=LABELS).fit(
            pictures(), epochs=7, checkpoint=tmp_path
        )
    resumed, resumed_history = _trained(tmp_path)
    whole, history = _trained(None)
    assert resumed_history.history["loss"] == history.history["loss"]
    one, other = weights_of(resumed), weights_of(whole)
    assert all((one[path] == other[path]).all() for path in one)
    assert not (tmp_path / "training.npz").exists()


def _trained(folder: Path | None) -> tuple[Any, History]:
    model = classifier().adapt("partial:2", labels=LABELS)
    return model, model.fit(pictures(), epochs=60, checkpoint=folder)


def test_ctrl_c_leaves_the_best_weights() -> None:
    few, other = pictures(24), pictures(30, seed=1)
    model = classifier().adapt("full", labels=LABELS)
    losses: list[float] = []

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            losses.append(logs["val_loss"])
            if epoch == 3:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        model.fit(few, other, epochs=40, learning_rate=0.05, start="zeros", callbacks=[Stop()])
    assert model.evaluate(other)["loss"] == pytest.approx(min(losses), rel=1e-4)


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    (tmp_path / "training.npz").write_bytes(b"PK no more")
    with pytest.raises(FormatError, match="remove it, to train anew"):
        classifier().adapt("partial:1", labels=LABELS).fit(pictures(), checkpoint=tmp_path)


def test_choices_are_checked() -> None:
    model = classifier().adapt("full", labels=LABELS)
    with pytest.raises(InvalidValueError, match="the fields are epochs, batch_size, learning_rate"):
        model.fit(pictures(), epoch=3)


def test_a_training_of_no_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"epochs: Input should be greater than or equal to 1"):
        Recipe.of({"epochs": 0})
