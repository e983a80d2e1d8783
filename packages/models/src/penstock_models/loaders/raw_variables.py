"""Variables of an old TensorFlow program: manifest.json with their shapes, and a file of float32 for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import FormatError
from penstock_models.architectures import architecture
from penstock_models.presets.schema import Preset


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the preset's network, with its weights in the order in which the program made them.

    Args:
        preset: Names an architecture, with sizes.
        files: Has "manifest", and a file for each variable, by the variable's name.

    Returns:
        The model.

    Raises:
        FormatError: A file is damaged, or the variables are not those of the architecture.
    """
    found = architecture.find(preset.architecture or "")
    model: keras.Model = found.backbone(found.config.of(preset.config))
    arrays = variables(files)
    weights = _in_the_programs_order(model)
    if [a.shape for a in arrays] != [tuple(w.shape) for w in weights]:
        raise FormatError(
            f"[raw_variables] the file has {len(arrays)} variables that are not those of {model.name}, which has "
            f"{len(weights)}; give the sizes that the file was made with"
        )
    for weight, array in zip(weights, arrays, strict=True):
        weight.assign(array)
    return model


def graph(preset: Preset, files: Mapping[str, Path]) -> Callable[[Any], Any]:
    """Return the network as one compiled function."""
    model = network(preset, files)
    return ps.function(lambda batch: model(batch, training=False))


def variables(files: Mapping[str, Path]) -> list[np.ndarray[Any, Any]]:
    """Return the arrays of a manifest, in the order in which they were made.

    Args:
        files: As in `network`.

    Raises:
        FormatError: The manifest is none, or a file has another size than it says.
    """
    try:
        manifest = json.loads(files["manifest"].read_text("utf-8"))
        shapes = {str(name): tuple(map(int, entry["shape"])) for name, entry in manifest.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"[raw_variables] {files['manifest']} is no manifest: {error}") from None
    return [_array(files, name, shapes[name]) for name in sorted(shapes, key=_number)]


def _number(name: str) -> int:
    number = name.rpartition("_")[2]
    return int(number) if number.isdigit() else 0


def _array(files: Mapping[str, Path], name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    content = files[name].read_bytes() if name in files else b""
    if len(content) != 4 * int(np.prod(shape)):
        raise FormatError(
            f"[raw_variables] {name} has {len(content)} bytes; expected {4 * int(np.prod(shape))} for the shape {shape}"
        )
    return np.frombuffer(content, "<f4").reshape(shape)


def _in_the_programs_order(model: keras.Model) -> list[Any]:
    """Return weights layer by layer, a norm's shift before its scale."""
    found = []
    for layer in model.layers:
        named = {str(w.path).rpartition("/")[2]: w for w in layer.weights}
        found += [named[n] for n in ("kernel", "beta", "gamma") if n in named]
    return found
