"""`tf.train.Saver`: the variables of a graph in checkpoints, by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock import _checkpoint_files
from penstock.checkpoint import Checkpoint
from penstock.errors import CheckpointError
from penstock.v1._graph import global_variables

if TYPE_CHECKING:
    from penstock.session import Session
    from penstock.state import Variable


class Saver:
    """Save the variables of a graph by their names, and restore them.

    Args:
        var_list: Variables, or variables by name; by default all of the default graph.
        max_to_keep: So many of the newest checkpoints stay; None or 0 keeps all.

    Raises:
        InvalidValueError: Two variables have one name.
    """

    def __init__(
        self,
        var_list: Iterable[Variable] | Mapping[str, Variable] | None = None,
        max_to_keep: int | None = 5,
    ) -> None:
        chosen = global_variables() if var_list is None else var_list
        named = chosen if isinstance(chosen, Mapping) else Checkpoint.by_name(chosen)
        self._variables = dict(named)
        self._keep = max_to_keep or None

    def save(
        self, sess: Session, save_path: str | os.PathLike[str], global_step: Any = None
    ) -> str:
        """Write the variables' values.

        Args:
            sess: The session that they belong to.
            save_path: A folder, which has one folder for each step.
            global_step: A whole number, or a variable or tensor that the session runs; by default 0.

        Returns:
            The folder of this step, for `restore`.

        Raises:
            CheckpointError: It cannot be written.
        """
        known = global_step is None or isinstance(global_step, int)
        step = int((global_step or 0) if known else sess.run(global_step))
        return str(Checkpoint(save_path, self._variables, keep=self._keep).save(step))

    def restore(self, sess: Session, save_path: str | os.PathLike[str]) -> None:
        """Give the variables the values that were saved; they need no initializer then.

        Args:
            sess: The session that they belong to.
            save_path: What `save` returned, or the folder that it was given: then the newest step counts.

        Raises:
            CheckpointError: There is no such checkpoint, it is damaged, or it does not fit.
        """
        path = Path(save_path)
        step = _checkpoint_files.step_of(path)
        Checkpoint(path if step is None else path.parent, self._variables).restore(
            step, random=False
        )


def latest_checkpoint(checkpoint_dir: str | os.PathLike[str]) -> str | None:
    """Find the newest checkpoint in a folder, or in the folders in it.

    Args:
        checkpoint_dir: The folder.

    Returns:
        What `Saver.restore` takes; None when there is none.

    Raises:
        OSError: The folder cannot be read.
    """
    root = Path(checkpoint_dir)
    folders = [root, *(path for path in root.glob("*") if path.is_dir())]
    found = [
        _checkpoint_files.folder_of(folder, step)
        for folder in folders
        for step in _checkpoint_files.steps(folder)
    ]
    times: list[tuple[float, str]] = []
    for path in found:
        try:
            times.append((_checkpoint_files.read_manifest(path).time, str(path)))
        except CheckpointError:  # damaged, or removed meanwhile
            continue
    return max(times)[1] if times else None


__all__ = ["Saver", "latest_checkpoint"]
