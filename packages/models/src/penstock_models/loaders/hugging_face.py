"""Folders as Hugging Face's `save_pretrained` writes them: config.json and model.safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import penstock_keras_api as keras
from penstock.errors import FormatError, InvalidValueError
from penstock.safetensors import load_file
from penstock_models.architectures import architecture
from penstock_models.architectures.architecture import Architecture
from penstock_models.architectures.classifier import classifier
from penstock_models.weights import Names, load_weights

# The ending of a published class, and the head that it has.
HEADS: Mapping[str, str] = {
    "Classification": "classifier",
    "ForMaskedLM": "tokens",
    "LMHeadModel": "next_token",
    "ForCausalLM": "next_token",
    "Model": "",
}


def load(folder: str | Path) -> keras.Model:
    """Return the model of a published folder, with its weights.

    Args:
        folder: Has config.json, and model.safetensors or the shards that model.safetensors.index.json names.

    Returns:
        The model, with the head that the folder's class has. Pictures are [batch, height, width, channels].

    Raises:
        FormatError: A file is missing or damaged, or the weights do not fit.
        ValueError: The architecture or its head is not known here.
    """
    folder = Path(folder)
    published = _config(folder / "config.json")
    found = architecture.find(published.get("model_type", ""))
    try:
        config = found.config_of(published)
    except KeyError as error:
        raise FormatError(f"[hugging_face] {folder / 'config.json'} has no {error}") from None
    model = _with_head(found, config, published)
    names = found.names if isinstance(found.names, Names) else found.names(config)
    load_weights(model, _tensors(folder), names)
    return model


def _config(path: Path) -> dict[str, Any]:
    try:
        published = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise FormatError(
            f"[hugging_face] there is no {path}; give a folder that `save_pretrained` wrote"
        ) from None
    except ValueError as error:
        raise FormatError(f"[hugging_face] {path} is no JSON: {error}") from None
    if not isinstance(published, dict):
        raise FormatError(f"[hugging_face] {path} holds no object")
    return published


def _with_head(found: Architecture, config: Any, published: dict[str, Any]) -> keras.Model:
    model: keras.Model = found.backbone(config)
    classes = published.get("architectures") or ["Model"]
    head = next((head for end, head in HEADS.items() if classes[0].endswith(end)), None)
    if head == "":
        return model
    if head == "classifier":
        return classifier(model, len(published.get("id2label", "--")))
    if head is None or head not in found.heads:
        raise InvalidValueError(
            f"[hugging_face] {classes[0]} has a head that is not known here; save the model without it"
        )
    made: keras.Model = found.heads[head](model, config)
    return made


def _tensors(folder: Path) -> dict[str, Any]:
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return dict(load_file(folder / "model.safetensors"))
    shards = sorted(set(_config(index).get("weight_map", {}).values()))
    tensors: dict[str, Any] = {}
    for shard in shards:
        if Path(shard).name != shard:
            raise FormatError(f"[hugging_face] {index} names {shard!r}, which is not in its folder")
        tensors.update(load_file(folder / shard))
    return tensors
