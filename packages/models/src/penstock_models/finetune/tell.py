"""What a person sees while a fine-tuning runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

import penstock_keras_api as keras
from penstock_models.finetune.choices import spoken


class Teller:
    """Tells a person what happens, or nobody.

    Args:
        console: Where to; None says nothing.

    Raises:
        Nothing.
    """

    def __init__(self, console: Console | None) -> None:
        self.console = console

    def say(self, sentence: str, style: str = "") -> None:
        """Print a sentence."""
        if self.console is not None:
            self.console.print(Text(sentence, style), soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show that something is being done, and afterwards how long it took."""
        began = time.monotonic()
        if self.console is None:
            yield
            return
        with self.console.status(title + " ..."):
            yield
        self.say(f"{title}: {spoken(time.monotonic() - began)}", "dim")

    @contextmanager
    def bar(self, title: str) -> Iterator[Callable[[int], None]]:
        """Give a function that advances a bar by one, of as many as it is told."""
        if self.console is None:
            yield lambda total: None
            return
        with Progress(console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=None)
            yield lambda total: progress.update(task, total=total, advance=1)


class Epochs(keras.callbacks.Callback):
    """Tells of each epoch.

    Args:
        teller: Tells it.
        seconds: How long the training may take; None where the clock is ignored.
    """

    def __init__(self, teller: Teller, seconds: float | None) -> None:
        super().__init__()
        self._teller, self._seconds = teller, seconds
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Print the epoch's numbers and the time that is left."""
        logs = logs or {}
        numbers = [f"loss {logs['loss']:.3f}"] if "loss" in logs else []
        if "val_accuracy" in logs:
            numbers.append(f"right on validation {logs['val_accuracy']:.1%}")
        if "val_ap50" in logs:
            numbers.append(f"AP50 on validation {logs['val_ap50']:.3f}")
        if self._seconds is not None:
            left = self._seconds - (time.monotonic() - self._began)
            numbers.append(f"{spoken(max(left, 0.0))} left at most")
        self._teller.say(f"  epoch {epoch + 1}: {', '.join(numbers)}")
