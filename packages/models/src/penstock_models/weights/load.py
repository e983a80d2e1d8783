"""Strict loading: every tensor of the file and every weight of the model is accounted for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.errors import FormatError
from penstock_models.weights.names import Names, without_prefix


@dataclass
class LoadReport:
    """What loading found.

    Args:
        loaded: How many weights have the file's values.
        missing: Weights that the file does not have, with the name it was looked for under.
        extra: Tensors of the file that no weight wants.
        misshapen: Weights whose tensor has another shape, with both shapes.
        left_out: Weights that keep their initial values because the caller asked for it: a new head.
    """

    loaded: int = 0
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether everything fits."""
        return not (self.missing or self.extra or self.misshapen)

    def text(self) -> str:
        """Say what does not fit, a line for each tensor."""
        lines = [
            *(f"  missing: {name}" for name in self.missing),
            *(f"  not of this architecture: {name}" for name in self.extra),
            *(f"  another shape: {name}" for name in self.misshapen),
        ]
        rest = len(lines) - 20
        return "\n".join([*lines[:20], *([f"  and {rest} more"] if rest > 0 else [])])


def load_weights(
    model: Any,
    tensors: Mapping[str, Any],
    names: Names,
    *,
    new: str | None = None,
    strict: bool | str = True,
) -> LoadReport:
    """Give a model the values of a file's tensors.

    Args:
        model: A model that is built; its weights' paths are looked up in `names`.
        tensors: The file's tensors, by name.
        names: What the file calls the weights.
        new: A pattern of paths of weights that stay as they are, such as a new head's.
        strict: True raises when something does not fit; "report" goes on and says it in the report.

    Returns:
        The report.

    Raises:
        FormatError: Something is missing, too much, or of another shape; nothing was loaded then.
    """
    report = LoadReport()
    known = without_prefix(iter(tensors), names.prefix)
    used: set[str] = set()
    values: list[tuple[Any, np.ndarray]] = []
    for weight in model.weights:
        path = path_of(weight, model)
        if new is not None and re.search(new, path):
            report.left_out.append(path)
            continue
        name = names.of(path)
        stored = known.get(name or "")
        if stored is None:
            report.missing.append(
                f"{path} (looked for as {name or 'nothing: the table has no name'})"
            )
            continue
        used.add(stored)
        _fit(weight, path, names, stored, tensors[stored], values, report)
    ignore = re.compile(names.ignore)
    report.extra = [n for n in tensors if n not in used and not ignore.search(n)]
    report.loaded = len(values)
    if strict is True and not report.complete:
        raise FormatError(
            f"[load_weights] the file does not fit {model.name}; nothing was loaded:\n{report.text()}\n"
            'use the architecture and sizes that the file was made with, or strict="report" to go on without'
        )
    for weight, value in values:
        weight.assign(value)
    return report


def _fit(
    weight: Any,
    path: str,
    names: Names,
    stored: str,
    tensor: Any,
    values: list[tuple[Any, np.ndarray]],
    report: LoadReport,
) -> None:
    shape = tuple(weight.shape)
    try:
        value = names.ours(np.asarray(tensor), path, shape)
    except ValueError:  # cannot be cut into its parts
        value = np.asarray(tensor)
    if value.shape == shape:
        values.append((weight, value))
    else:
        report.misshapen.append(f"{path} is {list(shape)}, {stored} gives {list(value.shape)}")


def path_of(weight: Any, model: Any) -> str:
    """Return a weight's path in its model: the layers' names, and its own."""
    return str(weight.path).removeprefix(f"{model.name}/")
