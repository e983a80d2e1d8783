"""The curve of a model's own `fit`."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.callbacks import Callback
from penstock_models.recipes.progress import Progress


class CurveOfFit(Callback):
    """Add each epoch of an adapted model's `fit` to a recipe's curve.

    `Progress` looks at the clock itself where Keras trains; these models say how long an epoch took.

    Args:
        progress: Has the curve.

    Raises:
        ValueError: Never here.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add a point."""
        values = dict(logs or {})
        self.progress.seconds += values.pop("seconds", 0.0)
        self.progress.note(epoch + 1, values)
