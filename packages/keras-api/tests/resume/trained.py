"""A training that can be killed: run by test_resume.py in processes of their own.

    python trained.py FOLDER SAVE_FREQ DATA DIE_AFTER

It dies by SIGKILL after so many batches of this process, counted over epochs; never for 0. At its end it writes
everything that can differ.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from penstock import keras

FOLDER, SAVE_FREQ, DATA, DIE_AFTER = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])


class Die(keras.callbacks.Callback):
    """End the process without a word."""

    batches = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1
        if self.batches == DIE_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)


class Count(keras.callbacks.Callback):
    """A callback of one's own that remembers something."""

    seen = 0
    draws: list[float] = []  # noqa: RUF012 - one of them

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen += 1
        self.draws.append(random.random() + np.random.random())  # noqa: NPY002

    def get_state(self) -> dict[str, Any]:
        return {"seen": self.seen, "draws": list(self.draws)}

    def set_state(self, state: dict[str, Any]) -> None:
        self.seen, self.draws[:] = state["seen"], state["draws"]


class Batches(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
    """Batches by number."""

    def __len__(self) -> int:
        return 7

    def __getitem__(self, number: int) -> Any:
        return X[number * 9 : number * 9 + 9], Y[number * 9 : number * 9 + 9]


RNG = np.random.default_rng(3)
X = RNG.normal(size=(64, 5)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.float32)[:, None]


def endless() -> Any:
    """Give batches for ever."""
    while True:
        for i in range(0, 60, 10):
            yield X[i : i + 10], Y[i : i + 10]


def main() -> None:
    """Train, and write what came of it."""
    keras.utils.set_random_seed(7)
    layers = keras.layers
    model = keras.Sequential(
        [layers.Dense(8, activation="tanh"), layers.BatchNormalization(), layers.Dropout(0.4),
         layers.GaussianNoise(0.1), layers.Dense(1, activation="sigmoid")]
    )  # fmt: skip
    rate = keras.optimizers.Adam(0.02, use_ema=True, ema_overwrite_frequency=5)
    model.compile(rate, "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    frequency: Any = SAVE_FREQ if SAVE_FREQ == "epoch" else int(SAVE_FREQ)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True)
    slower = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.02)
    best = keras.callbacks.ModelCheckpoint(
        FOLDER / "best.weights.npz", "val_loss", save_best_only=True, save_weights_only=True
    )
    shrink = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.95)
    count = Count()
    callbacks = [
        keras.callbacks.BackupAndRestore(FOLDER / "backup", save_freq=frequency),
        stop, slower, best, shrink, keras.callbacks.CSVLogger(FOLDER / "log.csv"), count, Die(),
    ]  # fmt: skip
    data: dict[str, Any] = {"x": X, "y": Y, "batch_size": 9}
    if DATA == "sequence":
        data = {"x": Batches()}
    elif DATA == "generator":
        data = {"x": endless(), "steps_per_epoch": 5}
    elif DATA == "dataset":
        pairs = keras.data.Dataset.from_tensor_slices((X, Y)).shuffle(20, seed=4)
        data = {"x": pairs.map(lambda x, y: (x * 2.0, y)).batch(9).prefetch(2)}
    elif DATA == "steps":
        data["steps_per_epoch"] = 5
    history = model.fit(
        **data, epochs=6, verbose=0, callbacks=callbacks, validation_data=(X[:30], Y[:30])
    )
    found = [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]
    arrays = {str(i): a for i, a in enumerate(found)}
    arrays |= {f"history_{k}": np.array(v) for k, v in history.history.items()}
    arrays |= {"seen": np.array(count.seen), "draws": np.array(count.draws)}
    arrays |= {"stop": np.array([stop.wait, stop.best_epoch]), "slower": np.array(slower.best)}
    np.savez(FOLDER / "end.npz", **arrays)


main()
