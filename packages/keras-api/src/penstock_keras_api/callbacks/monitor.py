"""`MonitorCallback`: a callback that watches whether a number gets better."""

from __future__ import annotations

import warnings
from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.callbacks.callback import Callback


class MonitorCallback(Callback):
    """Watch whether a loss or a metric gets better.

    Args:
        monitor: Its name: "val_loss".
        mode: "min" or "max" for what is better; "auto" for what suits the metric.
        baseline: The best so far; None for none.
        min_delta: How much better counts as better.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            kind = type(self).__name__
            warnings.warn(f"[{kind}] got mode={mode!r}; 'auto' is taken", stacklevel=3)
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self._sign: int | None = None

    def _direction(self) -> int:
        """Return 1 where more is better, and -1 where less is.

        Raises:
            ValueError: That cannot be told.
        """
        name = self.monitor.removeprefix("val_")
        if self.mode != "auto":
            return 1 if self.mode == "max" else -1
        if name == "loss":
            return -1
        metric = self.model._metric_named(name)
        if hasattr(metric, "_direction"):
            return 1 if metric._direction == "up" else -1
        raise InvalidValueError(
            f"[{type(self).__name__}] cannot tell whether more or less of {self.monitor!r} is better; give mode='max' or "
            "mode='min'"
        )

    def _is_improvement(self, value: Any, reference: Any) -> bool:
        if self._sign is None:
            self._sign = self._direction()
        if reference is None:
            return True
        return bool(self._sign * (value - reference) > self.min_delta)

    def get_state(self) -> dict[str, Any]:
        """Return the best value so far."""
        return {"best": self.best}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another one was."""
        self.best = state["best"]

    def _value(self, logs: Any) -> Any:
        """Return what is watched; None, with a warning, if it is not there."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"[{type(self).__name__}] watches {self.monitor!r}, which is not there; there are "
                f"{', '.join(logs or {}) or 'none'}",
                stacklevel=3,
            )
        return value
