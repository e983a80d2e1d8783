"""Save models while they are trained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api.callbacks.monitor import MonitorCallback


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, while it is trained.

    Args:
        filepath: Where to; it may have {epoch}, {batch} and names of losses and metrics: "{epoch:02d}-{loss:.2f}.keras".
            Weights go to files that end in ".weights.h5", or in ".weights.npz" for NumPy's form.
        monitor: The name of the loss or the metric that says what is best.
        verbose: 1 to tell.
        save_best_only: Whether only better ones are saved.
        save_weights_only: Whether only weights are saved.
        mode: "min" or "max" for what is better; "auto" for what suits the metric.
        save_freq: "epoch", or after how many batches to save.
        initial_value_threshold: The best so far.

    Raises:
        ValueError: The file's name, or save_freq, is not understood.

    >>> from penstock import keras
    >>> saver = keras.callbacks.ModelCheckpoint("best.weights.h5", save_best_only=True, save_weights_only=True)
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise InvalidValueError(
                f"[ModelCheckpoint] got save_freq={save_freq!r}; use 'epoch' or a number of batches"
            )
        endings = (".weights.h5", ".weights.npz") if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            what = "weights" if save_weights_only else "a whole model"
            raise InvalidValueError(
                f"[ModelCheckpoint] got the path {self.filepath!r} for {what}; let it end in {' or '.join(endings)}"
            )
        self._epoch = 0
        self._batches = 0

    def listens_to_batches(self, kind: str) -> bool:
        """Only if it saves after batches."""
        return kind == "train" and self.save_freq != "epoch"

    def get_state(self) -> dict[str, Any]:
        """Return the best value so far, and how many batches ago the last file was written."""
        return {"best": self.best, "batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another one was."""
        self.best, self._batches = state["best"], state["batches"]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember which epoch it is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save after so many batches."""
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= self.save_freq:
            self._batches = 0
            self._save(self._epoch, logs, batch=batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save after an epoch."""
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Any, **names: int) -> None:
        if not self._is_wanted(logs):
            return
        path = self._path({**names, **(logs or {}), "epoch": epoch + 1})
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.verbose:
            self._tell(f"\nEpoch {epoch + 1}: saving model to {path}")
        if not self.save_weights_only:
            self.model.save(path, overwrite=True)
        elif path.suffix == ".npz":
            numbered = {str(i): w for i, w in enumerate(self.model.get_weights())}
            np.savez(path, **numbered)
        else:
            self.model.save_weights(path, overwrite=True)

    def _is_wanted(self, logs: Any) -> bool:
        if not self.save_best_only:
            return True
        value = self._value(logs)
        if value is None or self._is_improvement(value, self.best):
            self.best = self.best if value is None else value
            return True
        return False

    def _path(self, names: dict[str, Any]) -> Path:
        try:
            return Path(self.filepath.format(**names))
        except KeyError as e:
            raise InvalidValueError(
                f"[ModelCheckpoint] the path {self.filepath!r} has {{{e.args[0]}}}; there are {', '.join(names)}"
            ) from e
