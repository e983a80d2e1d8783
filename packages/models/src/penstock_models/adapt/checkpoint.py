"""Where a training is, on the disk, so that another process can go on from there."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError, InvalidValueError
from penstock_models.adapt.recipe import Recipe
from penstock_models.data.examples import Examples

FILE = "training.npz"


class Checkpoint:
    """A folder with the state of one training, written after each epoch as a whole.

    Args:
        folder: The folder; None to write nothing.
        of: Which training it is.
    """

    def __init__(self, folder: Path | None, of: str) -> None:
        self._path = None if folder is None else folder / FILE
        self._of = of

    @classmethod
    def of(cls, folder: Any, recipe: Recipe, examples: Examples) -> Checkpoint:
        """Return the checkpoint of a training with this recipe on these examples."""
        what = json.dumps(
            [recipe.model_dump(exclude={"time_limit"}), list(map(str, examples.names))]
        )
        return cls(
            None if folder is None else Path(folder), hashlib.sha256(what.encode()).hexdigest()
        )

    def read(self) -> dict[str, Any] | None:
        """Return the state on the disk; None if there is none.

        Raises:
            ValueError: It is that of another training.
            FormatError: The file is damaged.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            with np.load(self._path) as file:
                facts = json.loads(str(file["facts"]))
                parts = {
                    name: [file[f"{name}_{i}"] for i in range(facts.pop(name))]
                    for name in ("variables", "best")
                }
        except (OSError, ValueError, KeyError) as error:
            raise FormatError(
                f"[fit] {self._path} is damaged: {error}; remove it, to train anew"
            ) from None
        if facts.pop("of") != self._of:
            raise InvalidValueError(
                f"[fit] {self._path} is the state of a training with other examples or choices; give the same ones, or "
                "remove it to train anew"
            )
        return {**parts, "facts": facts}

    def write(self, state: dict[str, Any]) -> None:
        """Put the state on the disk, in the place of the one before."""
        if self._path is None:
            return
        facts = {**state["facts"], "of": self._of}
        arrays: dict[str, Any] = {}
        for name in ("variables", "best"):
            facts[name] = len(state[name])
            arrays |= {f"{name}_{i}": value for i, value in enumerate(state[name])}
        made = io.BytesIO()
        np.savez(made, facts=np.asarray(json.dumps(facts)), **arrays)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        other = self._path.with_suffix(".part")
        with other.open("wb") as stream:
            stream.write(made.getbuffer())
            stream.flush()
            os.fsync(stream.fileno())
        other.replace(self._path)

    def remove(self) -> None:
        """Remove the state: the training is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
