"""Go on after a crash as if nothing had happened."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any, Final

from penstock.errors import CheckpointError, InvalidValueError
from penstock_keras_api.callbacks.callback import Callback

_FILE: Final = "training.safetensors"
_FORMAT: Final = 1


class BackupAndRestore(Callback):
    """Save where training is, and go on from there when the program is started again.

    Whatever ends the process, the same script, started again, goes on from the last backup with the same numbers, to
    the bit: weights, optimizer, random states, metrics of the epoch at hand, position and order of the data, what other
    callbacks remember. Data sets say their position; a generator is asked again for the batches that were seen.
    Callbacks of your own take part by `get_state` and `set_state`.

    A backup is one file. It is written beside the last one, flushed to the disk, and renamed, so that there is always a
    whole one, even if the disk is full.

    Args:
        backup_dir: A folder for nothing else.
        save_freq: "epoch", or after how many batches to save.
        double_checkpoint: Whether the backup before the last is kept too, for a disk that loses what it has.
        delete_checkpoint: Whether the backup goes when training has ended.

    Raises:
        ValueError: save_freq is not understood, or there is no folder's name.
        CheckpointError: Later: a backup cannot be written, or belongs to another model.

    >>> from penstock import keras
    >>> keep = keras.callbacks.BackupAndRestore("backup", save_freq=100)
    >>> keep.save_freq
    100
    """

    comes_last = True

    def __init__(
        self,
        backup_dir: Any,
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not os.fspath(backup_dir):
            raise InvalidValueError(
                "[BackupAndRestore] got an empty backup_dir; give a folder's name"
            )
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise InvalidValueError(
                f"[BackupAndRestore] got save_freq={save_freq!r}; use 'epoch' or a number of batches"
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._path = Path(self.backup_dir) / _FILE
        self._previous = self._path.with_name(f"previous_{_FILE}")
        self._batches = 0

    def listens_to_batches(self, kind: str) -> bool:
        """Only if it saves after batches."""
        return kind == "train" and self.save_freq != "epoch"

    def on_train_begin(self, logs: Any = None) -> None:
        """Restore the last backup, if there is one."""
        from penstock_keras_api.trainers import state_file

        if self._path.parent.exists():
            state_file.remove_leftovers(self._path)
        self._batches = 0
        state = self._read()
        if state is not None:
            self.model._training.set_state(state)

    def _read(self) -> dict[str, Any] | None:
        from penstock_keras_api.trainers import state_file

        if not self._path.exists():
            return None
        try:
            state = state_file.read_state(self._path, "BackupAndRestore")
        except CheckpointError:
            if not self._previous.exists():
                raise
            state = state_file.read_state(self._previous, "BackupAndRestore")
        if state.get("format") != _FORMAT:
            raise CheckpointError(
                f"[BackupAndRestore] {self._path} has format {state.get('format')}, and this version reads {_FORMAT}; "
                "remove it to begin anew"
            )
        return state

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save after so many batches."""
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= self.save_freq:
            self._batches = 0
            self._save()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save after an epoch."""
        if self.save_freq == "epoch":
            self._save()

    def _save(self) -> None:
        from penstock_keras_api.trainers import state_file

        state = {"format": _FORMAT, **self.model._training.get_state()}
        if self.double_checkpoint and self._path.exists():
            shutil.copy2(self._path, self._previous)
        state_file.write_state(self._path, state, "BackupAndRestore")

    def on_train_end(self, logs: Any = None) -> None:
        """Remove the backup, if that was asked for."""
        if self.delete_checkpoint:
            self._path.unlink(missing_ok=True)
            self._previous.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # there is something else in it
                self._path.parent.rmdir()
