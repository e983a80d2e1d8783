"""Write losses and metrics into a table."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from penstock_keras_api.callbacks.callback import Callback


class CSVLogger(Callback):
    """Write a row with losses and metrics for each epoch.

    Args:
        filename: The file.
        separator: What stands between values.
        append: Whether an old file is continued.

    >>> from penstock import keras
    >>> table = keras.callbacks.CSVLogger("training.csv")
    """

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._has_header = False

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin the file, or find out what it has."""
        path = Path(self.filename)
        self._has_header = self.append and path.exists() and path.stat().st_size > 0
        if not self.append:
            path.write_text("")
        self.keys = None

    def get_state(self) -> dict[str, Any]:
        """Return the columns, and what the file has."""
        path = Path(self.filename)
        text = path.read_text() if path.exists() else ""
        return {"keys": self.keys, "has_header": self._has_header, "text": text}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another one was: rows of epochs that are trained again go."""
        Path(self.filename).write_text(state["text"])
        self.keys, self._has_header = state["keys"], state["has_header"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write an epoch's row."""
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]  # a later epoch may be validated
        with Path(self.filename).open("a", newline="") as file:
            writer = csv.writer(file, delimiter=self.sep)
            if not self._has_header:
                writer.writerow(["epoch", *self.keys])
                self._has_header = True
            writer.writerow([epoch, *(_written(logs.get(key, "NA")) for key in self.keys)])


def _written(value: Any) -> Any:
    array = np.asarray(value)
    return f'"[{", ".join(map(str, array))}]"' if array.ndim else value
