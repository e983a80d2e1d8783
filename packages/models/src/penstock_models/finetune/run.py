"""What the steps of a fine-tuning share."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError, InvalidValueError
from penstock_models.data.audit import Audit
from penstock_models.data.splits import Splits
from penstock_models.finetune.choices import Choices
from penstock_models.finetune.disk import explained
from penstock_models.finetune.folder import RunFolder
from penstock_models.finetune.presets import default_preset, preset_of
from penstock_models.finetune.tell import Teller
from penstock_models.presets import Preset
from penstock_models.presets.load import from_preset


@dataclass
class Run:
    """A fine-tuning: what was asked for, where it is, and what was found so far.

    Args:
        choices: What the user said.
        folder: What is done, on the disk.
        teller: Tells the user.
        replayed: The run.json whose steps are taken again; None decides anew.
        replayed_from: Where that file is.
        splits: The data; there after the first step.
        audit: What is wrong with them.
    """

    choices: Choices
    folder: RunFolder
    teller: Teller
    replayed: dict[str, Any] | None = None
    replayed_from: Path | None = None
    splits: Splits = field(init=False)
    audit: Audit = field(init=False)

    @cached_property
    def preset_name(self) -> str:
        """The preset that the user named, or the one for this kind of data."""
        before = self.folder.done("data")
        if before and "preset" in before:
            return str(before["preset"])
        return self.choices.preset or default_preset(self.splits)

    @cached_property
    def preset(self) -> Preset:
        """What is known about the pretrained model."""
        return preset_of(self.preset_name)

    @cached_property
    def base(self) -> Any:
        """The pretrained model."""
        with self.teller.step(f"Reading {self.preset_name}"):
            return from_preset(self.preset_name)

    def adapted(self, strategy: str) -> Any:
        """Return the pretrained model with a new head."""
        if not hasattr(self.base, "adapt"):
            raise InvalidValueError(
                f"[finetune] {self.preset_name} cannot learn other labels; choose another preset with --preset, or leave it out"
            )
        return self.base.adapt(strategy, labels=list(self.splits.labels), seed=self.choices.seed)

    # ---- weights between steps

    def keep(self, name: str, model: Any) -> None:
        """Write a model's weights down for the steps that follow, also in another process."""
        path = self.folder.work / f"{name}.npz"
        made = io.BytesIO()
        np.savez(made, *model.network.get_weights())
        part = path.with_suffix(".part")
        with explained(self.folder.path):
            with part.open("wb") as file:
                file.write(made.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)

    def kept(self, name: str, strategy: str) -> Any:
        """Return a model with the weights that `keep` wrote down.

        Raises:
            FormatError: They are missing or damaged.
        """
        model = self.adapted(strategy)
        path = self.folder.work / f"{name}.npz"
        try:
            with np.load(path) as file:
                model.network.set_weights([file[f"arr_{i}"] for i in range(len(file.files))])
        except (OSError, ValueError, KeyError) as error:
            raise FormatError(
                f"[finetune] {path} is damaged: {error}; remove {self.folder.path}, to begin anew"
            ) from None
        return model

    def replay_of(self, step: str) -> dict[str, Any] | None:
        """Return how a step was resolved in the run that is replayed."""
        if self.replayed is None:
            return None
        found: dict[str, Any] | None = self.replayed["steps"].get(step)
        return found
