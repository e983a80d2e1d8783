"""Progress of training, for people: a bar on a terminal, a line for each epoch elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock_keras_api import config
from penstock_keras_api.callbacks.callback import Callback

if TYPE_CHECKING:
    from rich.progress import Progress

_BETWEEN = 0.1  # seconds between two looks at the losses, which cost time


class ProgbarLogger(Callback):
    """Show how training goes on; `fit(verbose=...)` adds one.

    With verbose=1 a terminal has a bar that moves ten times a second. With verbose=2, and in a file or a notebook
    also with 1, there is a line for each epoch.

    >>> from penstock import keras
    >>> keras.callbacks.ProgbarLogger().is_on
    False
    """

    def __init__(self) -> None:
        from rich.console import Console  # takes its time to import

        super().__init__()
        self._console = Console()
        self._progress: Progress | None = None
        self._task: Any = None
        self._name = ""
        self._began = self._shown = 0.0
        self._done = 0

    @property
    def is_on(self) -> bool:
        """Whether anything is shown."""
        return bool(self.params.get("verbose", 0))

    @property
    def _moves(self) -> bool:
        console = self._console
        if not config.is_interactive_logging_enabled():
            return False
        return self.params.get("verbose") == 1 and console.is_terminal and not console.is_jupyter

    def listens_to_batches(self, kind: str) -> bool:
        """Not at all: `progress` is called, which needs no losses at most times."""
        return False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin a bar."""
        self._begin(f"Epoch {epoch + 1}/{self.params.get('epochs', '?')}")

    def on_test_begin(self, logs: Any = None) -> None:
        """Begin a bar, unless the evaluation is a part of training."""
        if "epochs" not in self.params:
            self._begin("Evaluation")

    def on_predict_begin(self, logs: Any = None) -> None:
        """Begin a bar."""
        self._begin("Prediction")

    def _begin(self, name: str) -> None:
        self.close()
        self._name, self._done = name, 0
        self._began = self._shown = time.perf_counter()
        if self.is_on and self._moves:
            from rich import progress as bars

            columns = (
                bars.TextColumn("{task.description}"),
                bars.BarColumn(),
                bars.MofNCompleteColumn(),
                bars.TimeRemainingColumn(),
                bars.TextColumn("{task.fields[told]}"),
            )
            self._progress = bars.Progress(*columns, console=self._console, transient=True)
            self._progress.start()
            self._task = self._progress.add_task(name, total=self.params.get("steps"), told="")

    def progress(self, step: int, logs: Callable[[], dict[str, Any]]) -> None:
        """Move the bar, at most ten times a second.

        Args:
            step: How many batches are done.
            logs: Returns losses and metrics by name.
        """
        self._done = step
        if self._progress is None:
            return
        now = time.perf_counter()
        if now - self._shown > _BETWEEN:
            self._shown = now
            self._progress.update(self._task, completed=step, told=_told(logs()))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the epoch's line."""
        self._end(logs)

    def on_test_end(self, logs: Any = None) -> None:
        """Write a line, unless the evaluation is a part of training."""
        if "epochs" not in self.params:
            self._end(logs)

    def on_predict_end(self, logs: Any = None) -> None:
        """Write a line."""
        self._end(logs)

    def _end(self, logs: Any) -> None:
        self.close()
        if not self.is_on:
            return
        took = time.perf_counter() - self._began
        steps = self.params.get("steps") or self._done
        each = f" - {_short(took / self._done)}/step" if self._done else ""
        told = _told(logs or {})
        self._tell(
            f"{self._name} - {steps}/{steps} - {took:.1f}s{each}{' - ' if told else ''}{told}"
        )

    def close(self) -> None:
        """Put the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _short(seconds: float) -> str:
    """Write a time of a step.

    >>> _short(0.0123), _short(2.5)
    ('12ms', '2.5s')
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f}us"
    return f"{seconds * 1e3:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"


def _told(logs: dict[str, Any]) -> str:
    return " - ".join(f"{name}: {_number(value)}" for name, value in logs.items())


def _number(value: Any) -> str:
    return f"{float(value):.4g}" if not getattr(value, "ndim", 0) else str(value)
