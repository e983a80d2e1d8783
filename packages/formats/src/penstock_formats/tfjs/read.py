"""Reads layers models of TensorFlow.js: their layers are those of Keras, their weights lie in groups."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import penstock as ps
from penstock import Tensor
from penstock.errors import FormatError
from penstock.saved import GraphModel
from penstock_formats.keras._config import Network
from penstock_formats.keras._sources import Arrays
from penstock_formats.keras._weights import Report, leaves, names_of
from penstock_formats.keras.read import build
from penstock_formats.tfjs.manifest import Tensors, damaged, grouped, named

_MOST_TEXT = 64 << 20


def read(path: str | Path, *, weights_only: bool = False) -> GraphModel | dict[str, Tensor]:
    """Read a layers model of TensorFlow.js for inference.

    Args:
        path: The model.json, the folder with it, or the manifest.json of the first releases, which holds weights alone.
        weights_only: Return the tensors by name, without an architecture.

    Returns:
        The model, with its variables under the names that the file has for them; or tensors by name.

    Raises:
        FormatError: The files are damaged, incomplete, or hold a graph model or a layer that is unknown.
        OSError: A file cannot be read.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "model.json")
    >>> _ = path.write_text('{"modelTopology": null}')
    >>> read(path)
    Traceback (most recent call last):
        ...
    penstock.errors.FormatError: [tfjs] weightsManifest is None, not a list; ...
    """
    path = Path(path)
    path = path / "model.json" if path.is_dir() else path
    content = _json(path)
    modern = "weightsManifest" in content or "modelTopology" in content
    if modern:
        tensors = grouped(content.get("weightsManifest"), path.parent)
    else:
        tensors = named(content, path.parent)
    if weights_only:
        return {name: ps.asarray(array) for name, array in tensors.items()}
    if not modern:
        raise FormatError(
            f"[tfjs] {path.name} lists {len(tensors)} weights and no layers; expected a model.json; read the tensors: "
            "read(path, weights_only=True)"
        )
    return _model(content.get("modelTopology"), tensors)


def _json(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        raw = file.read(_MOST_TEXT + 1)
    try:
        content = json.loads(raw.decode("utf-8")) if len(raw) <= _MOST_TEXT else None
    except (ValueError, RecursionError) as error:
        raise damaged(f"{path.name} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise damaged(f"{path.name} is no JSON object of at most {_MOST_TEXT:,} bytes")
    return content


def _model(topology: Any, tensors: Tensors) -> GraphModel:
    if isinstance(topology, Mapping) and "node" in topology:
        raise FormatError(
            "[tfjs] this is a graph model, of TensorFlow's nodes; expected a layers model; convert the original with "
            "tensorflowjs_converter --output_format=tfjs_layers_model, or load the SavedModel itself"
        )
    config = topology.get("model_config", topology) if isinstance(topology, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(topology, Mapping):
        raise damaged(f"modelTopology is {topology!r:.80}")
    first = str(topology.get("keras_version", "2")).removeprefix("tfjs-layers ").partition(".")[0]
    version = int(first) if first in ("1", "2", "3") else 2

    def arrays_of(network: Network, report: Report) -> dict[int, Arrays]:
        return _sorted_out(tensors, network, report)

    model = build(config, arrays_of, version, {})
    model.metadata["format"] = "tfjs"
    return model


def _sorted_out(tensors: Tensors, network: Network, report: Report) -> dict[int, Arrays]:
    """Give each layer its weights: those whose names begin with its own."""
    found: dict[int, Arrays] = {}
    left = dict(tensors)
    for layer in leaves(network):
        for weight in names_of(layer):
            name = f"{layer.name}/{weight}"
            if name in left:
                found.setdefault(id(layer), {})[weight] = (name, left.pop(name))
    report.extra += list(left)
    return found
