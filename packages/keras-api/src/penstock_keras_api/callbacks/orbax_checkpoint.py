"""Keep several checkpoints in a folder."""

from __future__ import annotations

import os
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.callbacks.monitor import MonitorCallback


class OrbaxCheckpoint(MonitorCallback):
    """Keep the newest checkpoints of a training in a folder, written beside the training.

    The name and the arguments are Keras's; the files are those of `penstock.Checkpoint`: a folder for each step with
    safetensors files. `restore` reads them.

    Args:
        directory: The folder.
        monitor: The name of the loss or the metric that says what is best.
        verbose: 1 to tell.
        save_best_only: Whether only better ones are saved.
        mode: "min" or "max" for what is better; "auto" for what suits the metric.
        save_freq: "epoch", or after how many batches to save.
        initial_value_threshold: The best so far.
        max_to_keep: How many checkpoints stay; None for all.
        save_on_background: Whether training goes on while files are written.
        save_weights_only: Whether the optimizer's state is left out.

    Raises:
        ValueError: save_freq is not understood.

    >>> from penstock import keras
    >>> keras.callbacks.OrbaxCheckpoint("checkpoints", max_to_keep=2).max_to_keep
    2
    """

    def __init__(
        self,
        directory: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise InvalidValueError(
                f"[OrbaxCheckpoint] got save_freq={save_freq!r}; use 'epoch' or a number of batches"
            )
        self.directory = os.fspath(directory)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_freq = save_freq
        self.max_to_keep = max_to_keep
        self.save_on_background = save_on_background
        self.save_weights_only = save_weights_only
        self._batches = 0
        self._checkpoint: ps.Checkpoint | None = None

    def listens_to_batches(self, kind: str) -> bool:
        """Only if it saves after batches."""
        return kind == "train" and self.save_freq != "epoch"

    def get_state(self) -> dict[str, Any]:
        """Return the best value so far, and the number of batches."""
        return {"best": self.best, "batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another one was."""
        self.best, self._batches = state["best"], state["batches"]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save after so many batches."""
        if self.save_freq != "epoch":
            self._batches += 1
            if self._batches % self.save_freq == 0:
                self._save(self._batches, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save after an epoch."""
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Wait until all is written."""
        self.close()

    def close(self) -> None:
        """Wait until all is written."""
        if self._checkpoint is not None:
            self._checkpoint.wait()

    def restore(self, model: Any, step: int | None = None) -> None:
        """Give a model the variables of a checkpoint.

        Args:
            model: A model like the one that was saved; built, and compiled if the optimizer's state was saved.
            step: Which one; the newest by default.

        Raises:
            CheckpointError: There is none, or it belongs to another model.
        """
        self._of(model).restore(step)

    def _save(self, step: int, logs: Any) -> None:
        if self.save_best_only:
            value = self._value(logs)
            if value is not None and not self._is_improvement(value, self.best):
                return
            self.best = self.best if value is None else value
        if self._checkpoint is None:
            self._checkpoint = self._of(self.model)
        if self.verbose:
            self._tell(f"Saving step {step} to {self.directory}")
        if self.save_on_background:
            self._checkpoint.save_async(step)
        else:
            self._checkpoint.save(step)

    def _of(self, model: Any) -> ps.Checkpoint:
        saved = {"weights": list(model.weights)}
        if not self.save_weights_only and model.optimizer is not None:
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_weights)
            saved["optimizer"] = list(model.optimizer.variables)
        return ps.Checkpoint(self.directory, saved, keep=self.max_to_keep)
