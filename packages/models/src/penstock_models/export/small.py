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
from penstock_models.export.serving import serving

FOLDER = "int8"
MOST_EXAMPLES = 48
BATCH = 16
CALIBRATION_BATCH = 8


@dataclass(frozen=True)
class Small:
    """What came of the attempt.

    Args:
        kept: Whether the integer model is in the folder.
        before: The float model's accuracy on the validation examples.
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
    """Save a classifier in integers below its folder, if it loses at most one point of accuracy.

    Args:
        model: A classifier, as in `save`.
        folder: The folder that `save` wrote; the integer model goes to its subfolder "int8".
        training: Examples whose values choose the integers' scales; 48 of them are used.
        validation: Examples that accuracy is measured on, before and after.
        most_lost: How much of the accuracy may be lost.

    Returns:
        What came of it.

    Raises:
        ImportError: penstock-quantization is not installed.
        ValueError: The model cannot be saved.
        OSError: The folder cannot be written.
    """
    quantization = _quantization()
    parts = serving(model)
    targets = np.asarray(validation.targets)
    held = np.asarray(parts.batch_of(validation.inputs))
    exact = graph_model({"main": parts.compute}, {"main": [_rows(held)]})
    before = _accuracy(exact, held, targets)
    target = Path(folder) / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    few = np.linspace(0, len(training) - 1, min(MOST_EXAMPLES, len(training))).round().astype(int)
    scales = np.asarray(parts.batch_of([training.inputs[i] for i in few]))
    best: Any = None
    after = -1.0
    for calibration in ("min_max", "mse"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = quantization.quantize(
                    exact,
                    scales,
                    calibration=calibration,
                    slower="ignore",
                    batch_size=CALIBRATION_BATCH,
                    metric=lambda _: 0.0,  # measured below, on other examples
                ).model
        except InvalidValueError as error:
            return Small(False, before, None, f"nothing to quantise: {error}")
        share = _accuracy(made, held, targets)
        if share > after:
            best, after = made, share
        if before - after <= most_lost:
            break
    lost = f"{100 * (before - after):.1f} points"
    if before - after > most_lost + 1e-9:
        return Small(
            False,
            before,
            after,
            f"left out: {lost} less on validation, {100 * most_lost:g} allowed",
        )
    answer = parts.function(best)
    metadata = {"labels": list(model.labels), "quantization": "static"}
    ps.save(
        graph_model({"main": answer}, {"main": parts.signature}, metadata),
        target,
        golden=[(example,) for example in parts.golden],
    )
    return Small(
        True,
        before,
        after,
        f"{lost} less on validation" if before > after else "nothing lost on validation",
    )


def _rows(batch: Any) -> tuple[str, tuple[Any, ...]]:
    return str(batch.dtype), ("batch", *batch.shape[1:])


def _accuracy(model: Any, batch: Any, targets: Any) -> float:
    answers = [
        np.asarray(model(batch[at : at + BATCH])).argmax(1) for at in range(0, len(batch), BATCH)
    ]
    return float((np.concatenate(answers) == targets).mean())


def _quantization() -> Any:
    try:
        from penstock import quantization
    except (ImportError, PenstockError):
        raise ImportError(
            "[save_small] integers need penstock-quantization; type: pip install penstock-quantization"
        ) from None
    return quantization
