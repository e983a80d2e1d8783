"""The same model in integers, kept only if it answers nearly as well."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, PenstockError
from penstock.saved import graph_model
from penstock_models.data import Examples
from penstock_models.export.serving import Serving, evenly, serving

FOLDER = "int8"
MOST_EXAMPLES = 48
CALIBRATION_BATCH = 8


@dataclass(frozen=True)
class Small:
    """What came of the attempt.

    Args:
        kept: Whether the integer model is in the folder.
        before: The float model's accuracy, or AP50, on the validation examples.
        after: The integer model's; None if there is none.
        note: A sentence about it.
    """

    kept: bool
    before: float
    after: float | None
    note: str


def save_small(
    model: Any,
    folder: str | Path,
    training: Examples,
    validation: Examples,
    most_lost: float = 0.01,
) -> Small:
    """Save a model in integers below its folder, if it loses at most one point of accuracy.

    Args:
        model: A model, as in `save`.
        folder: The folder that `save` wrote; the integer model goes to its subfolder "int8".
        training: Examples whose values choose the integers' scales; 48 of them are used.
        validation: Examples that accuracy (AP50 of a detector) is measured on, before and after; at most 500 are.
        most_lost: How much of the accuracy may be lost.

    Returns:
        What came of it.

    Raises:
        ImportError: penstock-quantization is not installed.
        ValueError: The model cannot be saved.
        OSError: The folder cannot be written.
    """
    parts = serving(model)
    target = Path(folder) / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    before = parts.judge(_graph(parts, None, {}), validation).value
    scales = np.asarray(parts.batch_of(evenly(training, MOST_EXAMPLES).inputs))
    rows = (str(scales.dtype), ("batch", *scales.shape[1:]))
    exact = graph_model({"main": parts.compute}, {"main": [rows]})
    metadata = {"labels": list(model.labels), "quantization": "static"}
    best: Any = None
    after = -1.0
    for calibration in ("min_max", "mse"):
        try:
            made = _graph(parts, _in_integers(exact, scales, calibration), metadata)
        except InvalidValueError as error:
            return Small(False, before, None, f"not made: {_reason(error, training)}")
        value = parts.judge(made, validation).value
        if value > after:
            best, after = made, value
        if before - after <= most_lost:
            break
    lost = f"{100 * (before - after):.1f} points"
    if before - after > most_lost + 1e-9:
        allowed = f"{100 * most_lost:g} allowed"
        return Small(False, before, after, f"left out: {lost} less on validation, {allowed}")
    ps.save(best, target, golden=[(example,) for example in parts.golden])
    note = f"{lost} less on validation" if before > after else "nothing lost on validation"
    return Small(True, before, after, note)


def _reason(error: InvalidValueError, training: Examples) -> str:
    if training.kind == "text":
        return "a graph of texts has branches by length, and layers inside branches stay in float"
    return str(error).removeprefix("[quantize] ")


def _graph(parts: Serving, compute: Any, metadata: dict[str, Any]) -> Any:
    return graph_model({"main": parts.function(compute)}, {"main": parts.signature}, metadata)


def _in_integers(exact: Any, scales: Any, calibration: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = _quantization().quantize(
            exact,
            scales,
            calibration=calibration,
            slower="ignore",
            batch_size=CALIBRATION_BATCH,
            metric=lambda _: 0.0,  # measured by the caller, on other examples
        )
    return result.model


def _quantization() -> Any:
    try:
        from penstock import quantization
    except (ImportError, PenstockError):
        raise ImportError(
            "[save_small] integers need penstock-quantization; type: pip install 'penstock-models[quantization]'"
        ) from None
    return quantization
