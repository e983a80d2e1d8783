"""Progress of training, for people: a bar on a terminal, a line for each epoch elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from penstock_keras_api.callbacks.callback import Callback


class ProgbarLogger(Callback):
    """Show how training goes on.

    A terminal has a bar that moves ten times a second; a file and a notebook have a line for each epoch.

    Args:
        verbose: 1 for a bar, 2 for a line for each epoch.
    """

    def __init__(self, verbose: int = 1) -> None:
        super().__init__()
        self._console = Console()
        self._moves = verbose == 1 and self._console.is_terminal
        self._progress: Progress | None = None
        self._task: Any = None
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin a bar."""
        self._began = time.perf_counter()
        self._name = f"Epoch {epoch + 1}/{self.params.get('epochs', '?')}"
        if self._moves:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                       TextColumn("{task.fields[told]}"))  # fmt: skip
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._progress.start()
            self._task = self._progress.add_task(
                self._name, total=self.params.get("steps"), told=""
            )
        self._shown = 0.0

    def progress(self, step: int, logs: Any) -> None:
        """Move the bar, at most ten times a second; reading losses costs time."""
        now = time.perf_counter()
        if self._progress is not None and now - self._shown > 0.1:
            self._shown = now
            self._progress.update(self._task, completed=step, told=_told(logs()))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the epoch's line."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        took = time.perf_counter() - self._began
        steps = self.params.get("steps")
        count = f"{steps}/{steps} - " if steps else ""
        self._console.print(
            f"{self._name} - {count}{took:.1f}s - {_told(logs or {})}", soft_wrap=True, markup=False
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Put the bar away."""
        if self._progress is not None:
            self._progress.stop()


def _told(logs: dict[str, Any]) -> str:
    return " - ".join(f"{name}: {float(value):.4g}" for name, value in logs.items())
