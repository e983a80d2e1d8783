"""A detector's folder: a graph that serves, weights that can be trained again, and what is known about it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock.saved import graph_model
from penstock_models.export.card import card_of
from penstock_models.export.folder import (
    CARD,
    LABELS,
    PARTIAL,
    PRESET,
    WEIGHTS,
    file_of,
    put_in_place,
    write_text,
)
from penstock_models.presets.schema import Metric, Preset, Source
from penstock_models.weights import path_of

if TYPE_CHECKING:
    from penstock_models.tasks.object_detector import ObjectDetector

TAKES = {"image": ("uint8", ("height", "width", 3))}


def save(
    detector: ObjectDetector,
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
    """Save a detector as a folder; arguments, result and errors as in `penstock_models.export.save`."""
    if detector.config is None:
        raise InvalidValueError(
            "[save] the detector is a finished graph, whose file there is already; save what "
            'detector.adapt("full", labels=[...]) returns'
        )
    target = Path(folder)
    fresh = target / PARTIAL
    network, base = detector.network, detector.preset
    shutil.rmtree(fresh, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    facts = {
        "task": "object-detection",
        "labels": list(detector.labels),
        "input": "uint8 pixels [height, width, 3] of any size",
        "output": "boxes [most, 4] as left, top, right, bottom in parts of the picture; scores and classes [most], the "
        "surest first; count, how many there are",
        **(metadata or {}),
    }
    try:
        _write_graph(detector, network, fresh, facts)
        lines = [" ".join(label.splitlines()) + "\n" for label in detector.labels]
        write_text(fresh / LABELS, "".join(lines))
        preset = Preset(
            name=name or f"{detector.config.architecture}.adapted",
            task="object-detection",
            architecture=detector.config.architecture,
            config=detector.config.model_dump(mode="json", exclude_defaults=True),
            loader="own",
            options={"served": True, **({"from": base.name} if base else {})},
            files=tuple(
                file_of(fresh, n, p) for n, p in {"weights": WEIGHTS, "labels": LABELS}.items()
            ),
            input=detector.input,
            labels="labels",
            licence=licence or (base.licence if base else "not stated"),
            source=base.source if base else Source(repository="this folder"),
            trained_on="; then ".join(
                part for part in (base.trained_on if base else "", trained_on) if part
            )
            or "not stated",
            metrics=tuple(metrics),
            intended_use=intended_use,
            limits=limits
            or "It knows the labels above only, and takes what looks like them for them.",
        )
        card = card_of(preset, base, list(detector.labels), data_licence, notes)
        write_text(fresh / CARD, card)
        data = preset.model_dump(mode="json", exclude_defaults=True)
        write_text(fresh / PRESET, json.dumps(data, indent=1) + "\n")
        put_in_place(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _write_graph(
    detector: ObjectDetector, network: Any, folder: Path, facts: Mapping[str, Any]
) -> None:
    def answer(image: Any) -> dict[str, Any]:
        return {key: value[0] for key, value in detector.outputs(image[None]).items()}

    rng = np.random.default_rng(0)
    golden = [rng.integers(0, 256, (*size, 3), np.uint8) for size in ((48, 64), (71, 53))]
    variables = {path_of(w, network): w.value for w in network.weights}
    made = graph_model({"main": answer, **variables}, {"main": TAKES}, facts)
    ps.save(made, folder, golden=[(picture,) for picture in golden])
