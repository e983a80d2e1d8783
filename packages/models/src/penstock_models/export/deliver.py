"""Everything that is written for a finished model, and what it measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import penstock as ps
from penstock.errors import PenstockError
from penstock_models.data import Examples
from penstock_models.evaluation import measure_latency
from penstock_models.export.calibrated import calibrated
from penstock_models.export.card import licences
from penstock_models.export.serving import Serving, serving
from penstock_models.export.small import FOLDER, save_small
from penstock_models.presets.schema import Metric, Preset, read_preset
from penstock_models.report.story import Licence, Variant

GRAPH_FILES = ("graph.json", "weights.safetensors", "golden.safetensors")
GRAPH_FOLDERS = ("assets", "lowered")
# An integer model is made, compared and judged in about the time of so many answers.
ANSWERS_OF_SMALL = 600


@dataclass(frozen=True)
class Delivered:
    """What was written.

    Args:
        model: The model with its temperature, as it was saved.
        variants: The float and the integer graph, measured.
        licences: The terms of all parts.
    """

    model: Any
    variants: tuple[Variant, ...]
    licences: tuple[Licence, ...]


def deliver(
    model: Any,
    folder: str | Path,
    training: Examples,
    validation: Examples,
    test: Examples,
    *,
    temperature: float = 1.0,
    seconds: float | None = None,
    data_licence: str = "",
    metrics: Sequence[Metric] = (),
    **facts: Any,
) -> Delivered:
    """Save a model, a classifier with its temperature; and in integers if that costs little; measure both.

    Args:
        model: What was adapted and trained.
        folder: The folder.
        training: Examples whose values choose the integers' scales.
        validation: Examples that decide whether the integer model is kept.
        test: Examples that both are judged and timed on.
        temperature: What a classifier's logits are divided by.
        seconds: How long this may take; the integer model is left out if that is too little. None for any time.
        data_licence: The data's licence, if it is known.
        metrics: What was measured.
        facts: What else the model's `save` takes.

    Returns:
        What was written.

    Raises:
        ValueError: The model is of a kind that cannot be saved.
        OSError: The folder cannot be written.
    """
    path = Path(folder)
    is_classifier = training.kind != "detection"
    made = calibrated(model, temperature) if is_classifier else model
    known = {"temperature": temperature} if is_classifier else {}
    base: Preset | None = model.preset
    made.save(path, data_licence=data_licence, metrics=metrics, metadata=known, **facts)
    parts = serving(made)
    exact = _variant("float32", path, parts, test)
    variants = [exact]
    pace = exact.latency.p50 / 1000 if exact.latency else 0.0
    if seconds is not None and seconds < ANSWERS_OF_SMALL * pace:
        variants.append(_left_out("not tried: no time was left"))
    else:
        variants.append(_small(made, path, parts, training, validation, test))
    terms = [
        Licence(*row) for row in licences(read_preset(path / "preset.json"), base, data_licence)
    ]
    return Delivered(made, tuple(variants), tuple(terms))


def _small(
    model: Any, path: Path, parts: Serving, training: Examples, validation: Examples, test: Examples
) -> Variant:
    try:
        small = save_small(model, path, training, validation)
    except (ImportError, PenstockError) as error:
        return _left_out(f"not made: {error}")
    if not small.kept:
        return _left_out(small.note)
    return _variant("int8", path / FOLDER, parts, test, small.note)


def _left_out(note: str) -> Variant:
    return Variant("int8", None, note=note, kept=False)


def _variant(name: str, path: Path, parts: Serving, test: Examples, note: str = "") -> Variant:
    graph = ps.load(path)
    first = parts.read(test.inputs[0])

    def answer() -> Any:
        return [value.numpy() for value in graph(first).values()]

    return Variant(name, size_of(path), measure_latency(answer), parts.judge(graph, test), note)


def size_of(folder: str | Path) -> int:
    """Return how many bytes a saved graph has, without what else lies in its folder.

    Args:
        folder: What `penstock.save` wrote.

    Returns:
        Bytes.

    Raises:
        OSError: It cannot be read.
    """
    path = Path(folder)
    files = [path / name for name in GRAPH_FILES]
    files += [f for name in GRAPH_FOLDERS for f in (path / name).rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file())
