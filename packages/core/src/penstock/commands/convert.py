"""`penstock convert`: from any format that can be read to any that can be written, with a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penstock._native import Tensor
from penstock.commands._models import console, options_of, read
from penstock.errors import FormatError, PenstockError
from penstock.saved import GraphModel, formats
from penstock.saved._samples import samples
from penstock.saved.load import load
from penstock.saved.save import save

_TOLERANCE = 1e-3


def convert(
    source: Path, target: Path, to: str | None, read_as: str | None, words: list[str], check: bool
) -> None:
    """Convert a model, and compare what both compute.

    Args:
        source: A folder or file.
        target: The same.
        to: The format to write, if the path does not say.
        read_as: The format to read, if the path does not say.
        words: Options for the format that is written: "opset=18".
        check: Whether to read the result again and compare.

    Raises:
        FormatError: The two compute different numbers; the target stays.
        PenstockError: A format is unknown, or does not know what the model does.
    """
    model = read(source, format=read_as)
    name = to or formats.format_name(target, writing=True)
    inputs, outputs, problem = _tried(model)
    options = options_of(words)
    with console.status(f"writing {target}"):
        if name == formats.NATIVE and outputs is not None and check:
            options["golden"] = tuple(inputs)
        save(model, target, format=name, **options)
    console.print(f"wrote {target} ({name})", markup=False)
    if not check:
        return
    if outputs is None:
        console.print(
            f"not compared: the model could not be run on random inputs: {problem}", markup=False
        )
        return
    if name != formats.NATIVE and not any(
        row.name == name and row.reads for row in formats.known_formats()
    ):
        console.print(f"not compared: no plugin reads {name}", markup=False)
        return
    with console.status("comparing"):
        again = load(target, format=name)
        found = again.default.run(again.default.bind(*inputs))
    _compare(target, outputs, found)


def _tried(model: GraphModel) -> tuple[list[Tensor], list[Tensor] | None, str]:
    """Run a model on random inputs."""
    function = model.default
    inputs: list[Tensor] = []
    try:
        inputs = samples(function)
        return inputs, function.run(inputs), ""
    except PenstockError as error:
        return inputs, None, str(error)


def _compare(target: Path, wanted: Sequence[Tensor], found: Sequence[Tensor]) -> None:
    worst = 0.0
    for a, b in zip(wanted, found, strict=True):
        if a.dtype.kind not in ("float", "complex"):
            off: Any = 0.0 if a.tolist() == b.tolist() else np.inf
        else:
            x, y = np.asarray(a.numpy()), np.asarray(b.numpy())
            off = np.max(np.abs(x - y), initial=0) if x.shape == y.shape else np.inf
            if off > _TOLERANCE * max(np.max(np.abs(x), initial=0), 1.0) or np.isnan(off):
                off = np.inf if np.isnan(off) else off
                raise FormatError(
                    f"[convert] {target} computes other numbers: they differ by {off:.3g} on random inputs; report it, or "
                    "look at the model: penstock graph --diff"
                )
        worst = max(worst, float(off))
    if worst == np.inf:
        raise FormatError(f"[convert] {target} computes other integers on random inputs; report it")
    console.print(f"compared on random inputs: the largest difference is {worst:.3g}", markup=False)
