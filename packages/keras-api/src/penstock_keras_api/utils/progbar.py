"""`Progbar`: progress on a terminal, or in lines."""

from __future__ import annotations

import sys
import time
from typing import Any

from penstock_keras_api import config


class Progbar:
    """Show how far a loop is, with averages of what is measured.

    Args:
        target: How many steps there are; None if nobody knows.
        width: The width of the bar, in characters.
        verbose: 0 for nothing, 1 for a bar, 2 for one line at the end.
        interval: Seconds between two looks.
        stateful_metrics: Names of values that are shown as they are.
        stateless_metrics: Names of values that are averaged; by default all others.
        unit_name: What a step is called.

    >>> bar = Progbar(2, verbose=2)
    >>> bar.update(1, [("loss", 1.0)])
    >>> bar.update(2, [("loss", 3.0)])  # doctest: +ELLIPSIS
    2/2 - 0s - ...s/step - loss: 2.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Any = None,
        stateless_metrics: Any = None,
        unit_name: str = "step",
    ) -> None:
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, list[Any]] = {}  # the sum, and how many steps it is of
        self._seen = 0
        self._began = time.monotonic()
        self._shown = 0.0
        self._length = 0

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """Show a step.

        Args:
            current: How many steps are done.
            values: Pairs of a name and a value.
            finalize: Whether it is the last step; by default when `current` reaches the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or []:
            self._note(name, value, current)
        self._seen = max(self._seen, current)
        now = time.monotonic()
        if not self.verbose or (self.verbose == 2 and not finalize):
            return
        if not finalize and now - self._shown < self.interval:
            return
        self._shown = now
        self._write(current, now - self._began, finalize)

    def add(self, n: int, values: Any = None) -> None:
        """Show some steps more.

        Args:
            n: How many steps were done since the last call.
            values: Pairs of a name and a value.
        """
        self.update(self._seen + n, values)

    def _note(self, name: str, value: Any, current: int) -> None:
        averaged = name not in self.stateful_metrics
        if self.stateless_metrics is not None:
            averaged = name in self.stateless_metrics
        if not averaged:
            self._sums[name] = [value, 1]
            return
        steps = max(current - self._seen, 1)
        total = self._sums.setdefault(name, [0.0, 0])
        total[0] += value * steps
        total[1] += steps

    def _write(self, current: int, took: float, finalize: bool) -> None:
        known = self.target is not None
        count = (
            f"{current:{len(str(self.target))}d}/{self.target}" if known else f"{current}/Unknown"
        )
        each = took / current if current else 0.0
        bar = ""
        if self.verbose == 1:
            done = int(self.width * min(current / self.target, 1)) if self.target else 0
            bar = f" [{'=' * done}{'.' * (self.width - done)}]" if known else ""
        left = (self.target - current) * each if self.target else 0.0
        told = f"{took:.0f}s" if finalize or not known else f"{left:.0f}s left"
        line = f"{count}{bar} - {told} - {_short(each)}/{self.unit_name}"
        for name, (total, steps) in self._sums.items():
            line += f" - {name}: {_number(total / max(steps, 1))}"
        moves = self.verbose == 1 and config.is_interactive_logging_enabled()
        if moves and sys.stdout.isatty():
            sys.stdout.write("\r" + line.ljust(self._length) + ("\n" if finalize else ""))
            self._length = len(line)
        elif finalize or not moves:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _short(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f}us"
    return f"{seconds * 1e3:.0f}ms" if seconds < 1 else f"{seconds:.0f}s"


def _number(value: Any) -> str:
    number = float(value)
    return f"{number:.4f}" if abs(number) > 1e-3 else f"{number:.4e}"
