"""Checkpoints of a model_dir: their variables by name, and how far the training was that saved them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import CheckpointError


@dataclass(frozen=True)
class Progress:
    """How far a call of `train` was.

    Args:
        begin: The global step at its beginning.
        batches: How many batches it had taken.
        random: The state of random numbers at its beginning.
        finished: Whether it had ended.
        position: Where the data were, if they know.
    """

    begin: int
    batches: int
    random: tuple[int, int]
    finished: bool
    position: Any = None

    def as_json(self) -> dict[str, Any]:
        """Return what a checkpoint keeps as metadata."""
        return {"estimator": {**asdict(self), "random": list(self.random)}}

    @staticmethod
    def of(metadata: Mapping[str, Any]) -> Progress | None:
        """Read what `as_json` wrote; None if an estimator did not write it."""
        told = metadata.get("estimator")
        if not told:
            return None
        return Progress(
            told["begin"],
            told["batches"],
            tuple(told["random"]),
            told["finished"],
            told["position"],
        )


def split(path: str | os.PathLike[str]) -> tuple[Path, int]:
    """Find the folder and the step of a checkpoint, or of the newest in a folder.

    Raises:
        CheckpointError: There is none.
    """
    given = Path(path)
    number = given.name.rpartition("-")[2]
    if given.is_dir() and number.isdecimal() and given.name == f"step-{int(number):08d}":
        return given.parent, int(number)
    steps = ps.Checkpoint(given).steps() if given.is_dir() else []
    if not steps:
        raise CheckpointError(
            f"[Estimator] there is no checkpoint at {given}; give a model_dir, or what latest_checkpoint() returns"
        )
    return given, steps[-1]


def latest_checkpoint(model_dir: str | os.PathLike[str]) -> str | None:
    """Find the newest checkpoint of a model_dir.

    Args:
        model_dir: The folder.

    Returns:
        Its path, or None.

    Raises:
        OSError: The folder cannot be read.

    >>> import tempfile
    >>> latest_checkpoint(tempfile.mkdtemp()) is None
    True
    """
    root = Path(model_dir)
    if not root.is_dir():
        return None
    steps = ps.Checkpoint(root).steps()
    return str(root / f"step-{steps[-1]:08d}") if steps else None


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the tensors of a checkpoint, by name.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    folder, step = split(path)
    with ps.graph.eagerly():
        return ps.Checkpoint(folder).read(step)


def load_variable(ckpt_dir_or_file: str | os.PathLike[str], name: str) -> np.ndarray[Any, Any]:
    """Read one variable of a checkpoint.

    Args:
        ckpt_dir_or_file: A model_dir or a checkpoint.
        name: The variable's name.

    Returns:
        Its value.

    Raises:
        CheckpointError: There is no such checkpoint, or no such variable.
    """
    found = read(ckpt_dir_or_file)
    if name not in found:
        import difflib

        near = difflib.get_close_matches(name, list(found), 3) or sorted(found)[:5]
        raise CheckpointError(
            f"[load_variable] the checkpoint at {ckpt_dir_or_file} has no {name!r}; did you mean {', '.join(near)}? "
            "get_variable_names() lists all"
        )
    return np.asarray(found[name].numpy())


def list_variables(ckpt_dir_or_file: str | os.PathLike[str]) -> list[tuple[str, tuple[int, ...]]]:
    """List the variables of a checkpoint with their shapes.

    Args:
        ckpt_dir_or_file: A model_dir or a checkpoint.

    Returns:
        Pairs of a name and a shape, by name.

    Raises:
        CheckpointError: There is no such checkpoint.
    """
    return sorted((name, tuple(t.shape)) for name, t in read(ckpt_dir_or_file).items())


def restore(
    path: str | os.PathLike[str], variables: Mapping[str, ps.Variable], *, random: bool
) -> dict[str, Any]:
    """Give variables their values; what else the checkpoint has is left out.

    Returns:
        The metadata of the checkpoint.

    Raises:
        CheckpointError: A variable is missing, or has another shape.
    """
    folder, step = split(path)
    with ps.graph.eagerly():
        saved = read(path)
        wrong = [
            f"{name} (variable {tuple(v.shape)}, saved "
            f"{tuple(saved[name].shape) if name in saved else 'not at all'})"
            for name, v in variables.items()
            if name not in saved or tuple(saved[name].shape) != tuple(v.shape)
        ]
        if wrong:
            raise CheckpointError(
                f"[Estimator] the checkpoint at {path} does not fit the model: {'; '.join(wrong[:8])}; was the model "
                "changed? Use another model_dir, or warm_start_from=WarmStartSettings(...) for what fits"
            )
        report = ps.Checkpoint(folder, dict(variables)).restore(step, strict=False, random=random)
    return report.metadata


__all__ = ["latest_checkpoint", "list_variables", "load_variable"]
