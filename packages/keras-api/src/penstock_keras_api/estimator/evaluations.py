"""Results of evaluations, one line of JSON for each, in the folder of their name."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

_FILE: Final = "evaluations.jsonl"


def write(folder: str | os.PathLike[str], results: Mapping[str, Any], path: str | None) -> None:
    """Append results to those of a folder.

    Args:
        folder: The folder, which is made.
        results: Numbers by name.
        path: The checkpoint that was evaluated.

    Raises:
        OSError: It cannot be written.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in results.items()}
    with (Path(folder) / _FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps({**plain, "checkpoint": path}, default=float) + "\n")


def read_eval_metrics(eval_dir: str | os.PathLike[str]) -> dict[int, dict[str, Any]]:
    """Read the results of evaluations.

    Args:
        eval_dir: Their folder; see `Estimator.eval_dir`.

    Returns:
        Numbers by name, by global step; the last evaluation of a step counts.

    Raises:
        OSError: It cannot be read.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> write(folder, {"loss": 0.5, "global_step": 10}, None)
    >>> read_eval_metrics(folder)
    {10: {'loss': 0.5}}
    """
    path = Path(eval_dir) / _FILE
    if not path.exists():
        return {}
    found: dict[int, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            told = json.loads(line)
        except ValueError:  # a line that was not finished
            continue
        told.pop("checkpoint", None)
        found[int(told.pop("global_step"))] = told
    return dict(sorted(found.items()))
