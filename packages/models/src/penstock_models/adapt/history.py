"""What a training was: numbers by epoch, and the steps that were taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """What `fit` returns.

    Args:
        history: A list for each measure, with a number for each epoch: "loss", "val_accuracy", "seconds" ...
        resolved: The steps that were taken, as JSON can hold them; `fit(examples, resolved=...)` takes the same ones,
            whatever the clock says.
        best_epoch: The epoch whose weights were kept, from 0; None where no epoch was compared.
    """

    history: dict[str, list[float]] = field(default_factory=dict)
    resolved: dict[str, Any] = field(default_factory=dict)
    best_epoch: int | None = None

    @property
    def epochs(self) -> int:
        """How many epochs were run."""
        return len(self.history.get("loss", []))

    def add(self, logs: dict[str, float]) -> None:
        """Add an epoch's numbers."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
