"""Write what a recipe trained as a preset's folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import penstock_keras_api as keras
from penstock.safetensors import save_file
from penstock_models.presets import golden
from penstock_models.presets.load import from_preset
from penstock_models.presets.schema import File, Metric, Preset, Recipe, Source
from penstock_models.recipes.card import card_of
from penstock_models.recipes.progress import BACKUP, Progress
from penstock_models.weights import path_of, to_int8


def publish(
    network: keras.Model,
    progress: Progress,
    *,
    facts: Mapping[str, Any],
    metrics: Sequence[Metric],
    question: Any,
    files: Mapping[str, str] | None = None,
    half: bool = False,
    int8: bool = False,
    notes: str = "",
) -> Path:
    """Write preset.json, weights.safetensors, golden.json, CARD.md and the curve into the run's folder.

    Args:
        network: What was trained.
        progress: What watched it.
        facts: Fields of `Preset`: task, architecture, config, input, labels, licence, trained_on, intended_use, limits.
        metrics: What was measured.
        question: An input for the golden pair; the answer is that of the model that the folder gives.
        files: Further files of the folder that the model needs, by what the preset calls them.
        half: Whether the weights are stored as float16, in half the room.
        int8: Whether large ones are stored as int8 numbers with factors, in a quarter of it; measure with the folder's
            own weights then.
        notes: Further paragraphs of the card.

    Returns:
        The folder.

    Raises:
        ValueError: A fact is missing, or is none of a preset.
    """
    run = progress.run
    dtype = "float16" if half else "float32"
    tensors = {path_of(w, network): np.asarray(w.value.numpy(), dtype) for w in network.weights}
    save_file(to_int8(tensors) if int8 else tensors, run.out / "weights.safetensors")
    named = {"weights": "weights.safetensors", **(files or {})}
    recipe = Recipe(command=run.command, seed=run.seed, seconds=round(progress.seconds, 1))
    given = {"source": Source(repository="penstock"), "loader": "own", **facts}
    made = {"name": run.preset, "metrics": tuple(metrics), "recipe": recipe, **given}
    preset = _write(run.out, made, named)
    answer = golden.answer(from_preset(run.out), question)
    golden.write(run.out, question, answer)
    preset = _write(run.out, made, {**named, "golden": golden.FILE})
    golden.check(run.out)
    progress.write(run.out)
    (run.out / "CARD.md").write_text(card_of(preset, notes), "utf-8")
    shutil.rmtree(run.out / BACKUP, ignore_errors=True)
    Console().print(f"wrote {run.out}", *(m.model_dump() for m in metrics), soft_wrap=True)
    return run.out


def _write(folder: Path, made: Mapping[str, Any], named: Mapping[str, str]) -> Preset:
    """Write preset.json with the files' hashes."""
    files = tuple(File(name=n, path=p, sha256=_hash(folder / p)) for n, p in named.items())
    preset = Preset(files=files, **made)
    data = preset.model_dump(mode="json", exclude_defaults=True)
    (folder / "preset.json").write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    return preset


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
