"""Callbacks, by what they do to a training."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import keras

X = np.random.default_rng(5).normal(size=(24, 3)).astype(np.float32)
Y = X.sum(-1, keepdims=True)


def model(rate: float = 0.05) -> Any:
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    made.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])
    return made


def fit(made: Any, epochs: int, *callbacks: Any, **more: Any) -> Any:
    return made.fit(X, Y, epochs=epochs, verbose=0, callbacks=list(callbacks), **more)


def test_early_stopping_takes_the_best_weights() -> None:
    made, seen = model(2.0), []  # such a rate makes everything worse
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: seen.append(made.get_weights())
    )
    stop = keras.callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
    history = fit(made, 20, keep, stop)
    best = int(np.argmin(history.history["loss"]))
    assert len(history.epoch) == best + 3
    assert stop.stopped_epoch == best + 2
    for ours, theirs in zip(made.get_weights(), seen[best], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_reduce_on_plateau_and_scheduler() -> None:
    less = keras.callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=1e9, min_lr=0.02)
    rates = fit(model(0.1), 5, less).history["learning_rate"]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.05, 0.025, 0.02], rtol=1e-6)
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    rates = fit(model(0.1), 3, halve).history["learning_rate"]
    np.testing.assert_allclose(rates, [0.05, 0.025, 0.0125], rtol=1e-6)
    with pytest.raises(ValueError, match="return a float"):
        fit(model(), 1, keras.callbacks.LearningRateScheduler(lambda epoch: None))


def test_csv_logger(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    history = fit(model(), 2, keras.callbacks.CSVLogger(path)).history
    fit(model(), 1, keras.callbacks.CSVLogger(path, append=True))
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "0"]
    assert [float(row["loss"]) for row in rows[:2]] == history["loss"]


def test_model_checkpoint_saves_better_weights(tmp_path: Path) -> None:
    made = model()
    path = tmp_path / "deep" / "{epoch:02d}.weights.npz"
    saver = keras.callbacks.ModelCheckpoint(
        path, "mae", save_best_only=True, save_weights_only=True
    )
    fit(made, 3, saver)
    assert sorted(p.name for p in path.parent.iterdir()) == [f"0{i}.weights.npz" for i in (1, 2, 3)]
    with np.load(path.parent / "03.weights.npz") as saved:
        np.testing.assert_array_equal(saved["0"], made.get_weights()[0])
    with pytest.raises(ValueError, match=r"let it end in \.keras"):
        keras.callbacks.ModelCheckpoint("model.npz")
    wrong = keras.callbacks.ModelCheckpoint(tmp_path / "{what}.weights.npz", save_weights_only=True)
    with pytest.raises(ValueError, match="there are loss, mae, epoch"):
        fit(made, 1, wrong)


def test_terminate_on_nan(capsys: pytest.CaptureFixture[str]) -> None:
    made = model(math.inf)
    assert len(fit(made, 3, keras.callbacks.TerminateOnNaN(), batch_size=4).epoch) == 1
    assert "Invalid loss, terminating training" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="smaller learning rate"):
        fit(model(math.inf), 3, keras.callbacks.TerminateOnNaN(raise_error=True), batch_size=4)


def test_a_direction_that_cannot_be_told() -> None:
    odd = keras.callbacks.EarlyStopping("learning_rate")
    constant = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    with pytest.raises(ValueError, match="mode='max'"):
        fit(model(), 1, constant, odd)


def test_metrics_of_an_earlier_compile_are_forgotten() -> None:
    made = model()
    made.compile("sgd", "mse", metrics=[keras.metrics.MeanAbsoluteError(name="first")])
    fit(made, 1)
    made.compile("sgd", "mse", metrics=["mae"])
    assert set(fit(made, 1).history) == {"loss", "mae"}


def test_each_batch_has_its_own_loss() -> None:
    made = model(0.0)
    losses = [made.test_on_batch(X[part], Y[part])[0] for part in (slice(0, 4), slice(4, 24))]
    error = (made.predict(X, verbose=0) - Y) ** 2
    np.testing.assert_allclose(losses, [error[:4].mean(), error[4:].mean()], rtol=1e-5)


def test_old_names_of_arguments_are_translated() -> None:
    with pytest.raises(TypeError, match="lr: use learning_rate"):
        keras.optimizers.Adam(lr=0.1)
    with pytest.raises(TypeError, match=r"decay: use learning_rate=keras\.optimizers\.schedules"):
        keras.optimizers.SGD(0.1, decay=1e-4)


def test_a_loss_that_is_no_number_is_told_once() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="is not a number") as told:
        model.fit(np.full((4, 1), np.nan), np.zeros((4, 1)), epochs=3, verbose=0)
    assert len([w for w in told if "not a number" in str(w.message)]) == 1
