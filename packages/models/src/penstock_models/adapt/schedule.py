"""How fast a network learns, and for how long: a cosine that follows the clock where there is a limit."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

from penstock_models.adapt.recipe import Recipe


class Schedule:
    """Epochs, and the rate of each step.

    Progress goes from 0 to 1; the rate grows during the first part of it and then falls like a cosine. After each epoch
    the clock says how many more there is time for, and what is left of the progress is divided among them.

    Args:
        recipe: How many epochs, and the time limit.
        count: How many examples there are.
        began: When it began, by `time.monotonic`.
        resolved: What `resolved` of another schedule returned: its steps are taken again, and the clock is ignored.
    """

    def __init__(
        self, recipe: Recipe, count: int, began: float, resolved: dict[str, Any] | None = None
    ) -> None:
        self.recipe = recipe
        self.progress: list[float] = [0.0]
        """Where each epoch ended."""
        self._count, self._began = count, began
        self._steps = math.ceil(count / recipe.batch_size)
        self._planned = None if resolved is None else list(resolved["progress"])
        self._last_steps = self._steps if resolved is None else int(resolved["last_steps"])
        self._ran = time.monotonic()
        self._stopped = False

    @property
    def is_over(self) -> bool:
        """Whether all epochs were run, or the time is up."""
        if self._planned is not None:
            return len(self.progress) == len(self._planned)
        return self._stopped or self.progress[-1] >= 1.0 - 1e-9

    def epoch(self) -> Iterator[tuple[int, float]]:
        """Yield where each batch of an epoch begins, and what the rates are multiplied by."""
        start, end = self.progress[-1], self._next()
        is_last = self._planned is not None and len(self.progress) + 1 == len(self._planned)
        steps = self._last_steps if is_last else self._steps
        for step in range(steps):
            if step and self._time_is_up():
                self._stopped, self._last_steps = True, step
                break
            yield (
                step * self.recipe.batch_size,
                self._rate(start + (end - start) * (step + 0.5) / self._steps),
            )
        self.progress.append(end)

    def _next(self) -> float:
        """Return where the epoch at hand ends."""
        done = len(self.progress) - 1
        if self._planned is not None:
            return float(self._planned[done + 1])
        left = max(1, self.recipe.epochs - done)
        if self.recipe.time_limit is not None and done:
            now = time.monotonic()
            each = (now - self._ran) / max(1, done - self._first)
            rest = self._began + self.recipe.time_limit - now
            left = max(1, min(left, int(rest / max(each, 1e-9))))
        else:
            self._ran, self._first = time.monotonic(), done
        return self.progress[-1] + (1.0 - self.progress[-1]) / left

    _first = 0

    def _time_is_up(self) -> bool:
        if self.recipe.time_limit is None or self._planned is not None:
            return False
        return time.monotonic() - self._began > self.recipe.time_limit

    def _rate(self, progress: float) -> float:
        warm = self.recipe.warm_up
        if progress < warm:
            return progress / warm
        return 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))

    def resolved(self) -> dict[str, Any]:
        """Return the steps that were taken, as JSON can hold them."""
        return {
            "epochs": len(self.progress) - 1,
            "progress": list(self.progress),
            "last_steps": self._last_steps,
        }
