"""A model's folder: a graph that serves, weights that can be trained again, and what is known about it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock.saved import graph_model
from penstock_models.export.card import card_of
from penstock_models.export.serving import Serving, needs_finished_graph, serving
from penstock_models.presets.schema import File, Metric, Preset, Source
from penstock_models.weights import path_of

PRESET, NETWORK, LABELS, CARD, BASE = (
    "preset.json",
    "network.json",
    "labels.txt",
    "CARD.md",
    "base",
)
WEIGHTS = "weights.safetensors"
PARTIAL = ".saving"
OWN = ("weights", "labels", "network", "golden")  # what every folder has of its own
TASKS = {
    "image": "image-classification",
    "text": "text-classification",
    "audio": "keyword-spotting",
}


def save(
    model: Any,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    licence: str | None = None,
    trained_on: str = "",
    data_licence: str = "",
    metrics: Sequence[Metric] = (),
    intended_use: str = "",
    limits: str = "",
    notes: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Save a classifier as a folder.

    `penstock.load(folder)` and `penstock run folder` answer without this package: the graph has the preprocessing,
    the temperature and the labels' names in it. `from_preset(folder)` gives the model back, to the bit, and it can be
    adapted again. Other files of the folder stay.

    Args:
        model: What `adapt` and `fit` made, or `calibrated` of that.
        folder: The folder.
        name: The new preset's name, such as "mobilenet_v2.flowers".
        licence: The model's; that of the weights it began with, if it is not given.
        trained_on: The data, in words.
        data_licence: The data's licence, if it is known.
        metrics: What was measured.
        intended_use: A sentence for the card.
        limits: A sentence for the card.
        notes: Further paragraphs of the card.
        metadata: Further facts for the saved graph, as JSON can hold them.

    Returns:
        The folder.

    Raises:
        ValueError: The model is of a kind that cannot be saved, or the name is none.
        OSError: The folder cannot be written.
    """
    target = Path(folder)
    parts = serving(model)
    network = model.adapted.network
    fresh = target / PARTIAL
    shutil.rmtree(fresh, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    try:
        write_graph(parts, network, fresh, _facts(model, metadata))
        write_text(
            fresh / NETWORK, json.dumps(keras.saving.serialize_keras_object(network), indent=1)
        )
        write_text(fresh / LABELS, "".join(f"{_one_line(label)}\n" for label in model.labels))
        files, options = _base_files(model, fresh)
        preset = _preset(
            model,
            [file_of(fresh, n, p) for n, p in {"weights": WEIGHTS, "network": NETWORK, "labels": LABELS, **files}.items()],
            options,
            name=name,
            licence=licence,
            trained_on=trained_on,
            metrics=metrics,
            intended_use=intended_use,
            limits=limits,
        )  # fmt: skip
        write_text(
            fresh / CARD, card_of(preset, model.preset, list(model.labels), data_licence, notes)
        )
        data = preset.model_dump(mode="json", exclude_defaults=True)
        write_text(fresh / PRESET, json.dumps(data, indent=1) + "\n")
        put_in_place(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def write_graph(
    parts: Serving, network: Any, folder: Path, metadata: Mapping[str, Any], compute: Any = None
) -> None:
    """Write the graph that serves, with two golden pairs.

    Args:
        parts: How the model serves.
        network: The network whose weights keep their own names; None for a graph without.
        folder: Where.
        metadata: What is said about it.
        compute: In place of the network: the same in integers.

    Raises:
        OSError: It cannot be written.
    """
    variables = {} if network is None else {path_of(w, network): w.value for w in network.weights}
    made = graph_model(
        {"main": parts.function(compute), **variables}, {"main": parts.signature}, metadata
    )
    ps.save(made, folder, golden=[(example,) for example in parts.golden])


def _facts(model: Any, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    taken = {
        "image": "uint8 pixels [height, width, channels] of any size",
        "text": "a text",
        "audio": "samples",
    }
    kind = model.input.kind
    return {
        "task": TASKS[kind],
        "labels": list(model.labels),
        "input": taken[kind],
        "output": "the probability of each label",
        **(metadata or {}),
    }


def _base_files(model: Any, fresh: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Copy what the model needs of the preset that it began with, and say what it is called."""
    base: Preset | None = model.preset
    finished = needs_finished_graph(model)
    if base is None:
        if finished:
            raise InvalidValueError(
                "[save] the model is a head on a finished graph that no preset names, so nothing could load it again; "
                "begin with from_preset(...)"
            )
        return {}, {}
    needed = [f for f in base.files if finished or f.name not in OWN]
    if not needed:
        return {}, {}
    from penstock_models.sources import find_file

    copied: dict[str, str] = {}
    for file in needed:
        path = f"{BASE}/{Path(file.path).name}"
        if path in copied.values():
            path = f"{BASE}/{file.name}/{Path(file.path).name}"
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(find_file(base, file, base.folder), fresh / path)
        copied[f"base_{file.name}" if finished else file.name] = path
    options = {"base": base.model_dump(mode="json", exclude_defaults=True)} if finished else {}
    return copied, options


def _preset(
    model: Any,
    files: list[File],
    options: dict[str, Any],
    *,
    name: str | None,
    licence: str | None,
    trained_on: str,
    metrics: Sequence[Metric],
    intended_use: str,
    limits: str,
) -> Preset:
    base: Preset | None = model.preset
    architecture = (base.architecture if base else None) or "functional"
    started = base.trained_on if base else ""
    return Preset(
        name=name or f"{architecture}.adapted",
        task=TASKS[model.input.kind],  # type: ignore[arg-type]
        architecture=None if needs_finished_graph(model) else architecture,
        loader="adapted",
        options={**({"from": base.name} if base else {}), **options},
        files=tuple(files),
        input=model.input,
        labels="labels",
        licence=licence or (base.licence if base else "not stated"),
        source=base.source if base else Source(repository="this folder"),
        trained_on="; then ".join(part for part in (started, trained_on) if part) or "not stated",
        metrics=tuple(metrics),
        intended_use=intended_use,
        limits=limits,
    )


def slug(text: str) -> str:
    """Return a text as the tag of a preset's name.

    >>> slug("My Flowers (2024)")
    'my_flowers_2024'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "adapted"


def file_of(folder: Path, name: str, path: str) -> File:
    """Return what a preset says about a file of its folder."""
    with (folder / path).open("rb") as stream:
        return File(name=name, path=path, sha256=hashlib.file_digest(stream, "sha256").hexdigest())


def put_in_place(fresh: Path, target: Path) -> None:
    """Put the files in place, preset.json last: a folder that has it is whole."""
    (target / PRESET).unlink(missing_ok=True)
    for path in sorted(fresh.iterdir(), key=lambda p: p.name == PRESET):
        there = target / path.name
        if path.is_dir():
            shutil.rmtree(there, ignore_errors=True)
        path.replace(there)


def _one_line(label: str) -> str:
    return " ".join(label.splitlines())


def write_text(path: Path, text: str) -> None:
    """Write a file of a preset."""
    path.write_text(text, "utf-8")
