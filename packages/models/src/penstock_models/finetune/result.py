"""What a fine-tuning returns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Result:
    """A finished fine-tuning.

    Args:
        folder: Where everything is.
        record: What its run.json says.

    Raises:
        Nothing.
    """

    folder: Path
    record: dict[str, Any]

    @property
    def accuracy(self) -> float:
        """The share of test examples that were answered rightly; AP50 of a detector."""
        return float(self.record["measures"]["value"])

    @property
    def interval(self) -> tuple[float, float]:
        """What the accuracy probably lies between: 95 %."""
        low, high = self.record["measures"]["interval"]
        return float(low), float(high)

    @property
    def strategy(self) -> str:
        """What of the network has learned."""
        return str(self.record["steps"]["chosen"]["strategy"])

    @property
    def report(self) -> Path:
        """The page about the model."""
        return self.folder / "report.html"

    @property
    def model(self) -> Any:
        """The model, read from the folder."""
        from penstock_models.presets.load import from_preset

        return from_preset(self.folder)

    @classmethod
    def read(cls, folder: Path) -> Result:
        """Return what a finished folder holds.

        Raises:
            FormatError: It is not finished, or damaged.
        """
        from penstock_models.finetune.record import read_record

        return cls(folder, read_record(folder))

    def __str__(self) -> str:
        low, high = self.interval
        name = self.record["measures"]["name"]
        return (
            f"{name} {self.accuracy:.3f} ({low:.3f} to {high:.3f}), {json.dumps(str(self.folder))}"
        )
