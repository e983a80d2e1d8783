"""Folders that `save` of an adapted model wrote: network.json says the layers, weights.safetensors has their values."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import penstock_keras_api as keras
from penstock.errors import FormatError
from penstock.safetensors import load_file
from penstock_models.presets.load import loader_of
from penstock_models.presets.schema import Preset
from penstock_models.weights import OWN_NAMES, load_weights, path_of

OWN_PACKAGE = "penstock_models.layers"
BASE = "base_"


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the network that was saved, with its weights.

    Args:
        preset: The folder's.
        files: Has "network" and "weights".

    Returns:
        A functional model with the output "logits".

    Raises:
        FormatError: A file is damaged, or the two do not belong together.
    """
    path = files["network"]
    try:
        config = json.loads(path.read_text("utf-8"))
        made = keras.saving.deserialize_keras_object(config, custom_objects=own_layers(config))
    except (ValueError, KeyError, TypeError, ImportError, AttributeError) as error:
        raise FormatError(f"[preset] {path} does not describe a network: {error}") from None
    if not isinstance(made, keras.Model):
        raise FormatError(f"[preset] {path} does not describe a network, but {type(made).__name__}")
    wanted = {path_of(w, made) for w in made.weights}
    # The file has the served graph's constants too.
    tensors = {n: t for n, t in load_file(files["weights"]).items() if n in wanted}
    load_weights(made, tensors, OWN_NAMES)
    return made


def graph(preset: Preset, files: Mapping[str, Path]) -> Callable[[Any], Mapping[str, Any]] | None:
    """Return the head on a finished graph's answers, for a model that began with one; None for a network.

    Args:
        preset: The folder's.
        files: Has the files of the finished graph too, as "base_weights" and the like.

    Returns:
        A function of a prepared batch that returns "logits", and the finished graph's answers as "pooled".

    Raises:
        FormatError: A file is damaged.
    """
    if "base" not in preset.options:
        return None
    from penstock_models.tasks.image_classifier import of

    try:
        base = Preset.model_validate(preset.options["base"])
    except ValueError as error:
        raise FormatError(
            f"[preset] {preset.name}: what it began with is no preset: {error}"
        ) from None
    own = {n.removeprefix(BASE): p for n, p in files.items() if n.startswith(BASE)}
    begun = of(base, own, loader_of(base))
    head = network(preset, files)

    def run(batch: Any) -> Mapping[str, Any]:
        features = begun._finished(batch)
        return {"logits": head(features)["logits"], "pooled": features}

    return run


def own_layers(config: Any) -> dict[str, Any]:
    """Return the layers of this package that a network's description names; no other module is imported for it."""
    found = {}
    text = json.dumps(config)
    for module, name in re.findall(
        rf'"module": "({OWN_PACKAGE}[\w.]*)", "class_name": "(\w+)"', text
    ):
        layer = getattr(importlib.import_module(module), name)
        if not (isinstance(layer, type) and issubclass(layer, keras.layers.Layer)):
            raise TypeError(f"{module}.{name} is no layer")
        found[name] = layer
    return found
