"""Folders that this package wrote: an architecture, and weights.safetensors with the names of its own weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import FormatError
from penstock.safetensors import load_file
from penstock_models.architectures import architecture
from penstock_models.architectures.classifier import classifier
from penstock_models.presets.schema import Preset
from penstock_models.weights import OWN_NAMES, from_int8, load_weights, path_of


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the preset's network, with its weights.

    Args:
        preset: With an architecture, its config, and the option "head": "classifier" for a score for each label, the
            name of one of the architecture's heads, or none. The option "served" says that the file has constants of a
            graph that serves, too.
        files: Has "weights".

    Returns:
        The model.

    Raises:
        FormatError: The weights do not fit, or the preset names no architecture.
    """
    if preset.architecture is None:
        raise FormatError(f"[preset] {preset.name} names no architecture, so nothing can be built")
    found = architecture.find(preset.architecture)
    config = found.config.of(preset.config)
    model: keras.Model = found.backbone(config)
    head = preset.options.get("head")
    if head == "classifier":
        model = classifier(model, len(preset.labels or ()))
    elif head is not None:
        model = found.heads[head](model, config)
    tensors = from_int8(load_file(files["weights"]))
    if preset.options.get("served"):
        wanted = {path_of(w, model) for w in model.weights}
        tensors = {name: tensor for name, tensor in tensors.items() if name in wanted}
    load_weights(model, tensors, OWN_NAMES)
    return model


def graph(preset: Preset, files: Mapping[str, Path]) -> Callable[[Any], Any]:
    """Return the network as one compiled function, without dropout."""
    model = network(preset, files)
    return ps.function(lambda batch: model(batch, training=False))
