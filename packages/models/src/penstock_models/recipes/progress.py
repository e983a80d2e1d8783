"""What a recipe shows and remembers while it trains."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from penstock_keras_api.callbacks import BackupAndRestore, Callback
from penstock_models.recipes.curve import draw
from penstock_models.recipes.start import Run

BACKUP = "backup"  # a folder in the run's own
SAYS_EVERY = 15.0  # seconds between two lines within an epoch


class Progress(Callback):
    """Print how training goes, write its curve, and end it when its time is over.

    The curve and the time survive an interruption, by `BackupAndRestore`.

    Args:
        run: What the recipe was asked to do.

    Raises:
        ValueError: Never here.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self.points: list[dict[str, float]] = []
        self.seconds = 0.0
        self._mark = self._said = time.monotonic()

    def callbacks(self, backup_every: int | str = "epoch") -> list[Callback]:
        """Return this and what keeps a backup, for `fit`; type the same command again to go on.

        The backup stays until `publish` has written the preset, so that nothing after training can lose it.

        Args:
            backup_every: "epoch", or after how many batches.
        """
        backup = self.run.out / BACKUP
        return [self, BackupAndRestore(backup, save_freq=backup_every, delete_checkpoint=False)]

    def get_state(self) -> dict[str, Any]:
        """Return the curve and the time."""
        return {"points": json.dumps(self.points), "seconds": self.seconds}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with another process's curve and time."""
        self.points = json.loads(state["points"])
        self.seconds = float(state["seconds"])
        self._mark = time.monotonic()
        self._tell(f"going on after {self.seconds:.0f} s")

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self._mark = self._said = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the clock, and say something now and then."""
        self._tick()
        if self._mark - self._said > SAYS_EVERY:
            self._said = self._mark
            self._tell(f"  {self.seconds:6.0f} s, step {batch + 1}: {_text(logs)}")
        if self.run.seconds is not None and self.seconds > self.run.seconds:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add a point to the curve."""
        self._tick()
        self.note(epoch + 1, logs or {})

    def note(self, epoch: int, values: dict[str, Any]) -> None:
        """Add a point to the curve, print it, and write the curve.

        Args:
            epoch: How many epochs are done.
            values: Numbers by name.
        """
        point = {"epoch": float(epoch), "seconds": round(self.seconds, 1)}
        self.points.append(point | {k: float(v) for k, v in values.items() if _is_number(v)})
        self._tell(f"epoch {epoch}, {self.seconds:.0f} s: {_text(values)}")
        self.write(self.run.out)

    def write(self, folder: Path) -> None:
        """Write the curve as curve.json and curve.svg."""
        text = json.dumps({"command": self.run.command, "points": self.points}, indent=1)
        (folder / "curve.json").write_text(text + "\n", "utf-8")
        (folder / "curve.svg").write_text(draw(self.points), "utf-8")

    def _tick(self) -> None:
        now = time.monotonic()
        self.seconds += now - self._mark
        self._mark = now


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _text(values: Any) -> str:
    return ", ".join(f"{k} {v:.4g}" for k, v in (values or {}).items() if _is_number(v))
