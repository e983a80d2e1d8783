"""Networks that read text, and their tokenizers: of published folders, and of folders that this package wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import penstock_keras_api as keras
from penstock.errors import FormatError
from penstock.safetensors import load_file
from penstock_models.architectures import architecture
from penstock_models.architectures.classifier import classifier
from penstock_models.layers import TokenMean
from penstock_models.presets.schema import Preset
from penstock_models.tokenizers import Tokenizer, read_tokenizer
from penstock_models.weights import OWN_NAMES, load_weights
from penstock_models.weights.names import Names


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the preset's network, with its weights.

    Args:
        preset: With an architecture and its config. Options: "pooling", "mean" for the mean of all tokens as "pooled",
            else the architecture's own; "head", "classifier" for a score for each label; "weights", "own" for files
            with this package's names.
        files: Has "weights".

    Returns:
        A model with the outputs "sequence" and "pooled", or "logits".

    Raises:
        FormatError: The weights do not fit, or the preset names no architecture.
    """
    if preset.architecture is None:
        raise FormatError(f"[preset] {preset.name} names no architecture, so nothing can be built")
    found = architecture.find(preset.architecture)
    config = found.config.of(preset.config)
    model: keras.Model = found.backbone(config)
    is_own = preset.options.get("weights") == "own"
    names = found.names if isinstance(found.names, Names) else found.names(config)
    if not is_own:
        load_weights(model, load_file(files["weights"]), names)
    if preset.options.get("pooling") == "mean":
        model = pooled_by_mean(model)
    if preset.options.get("head") == "classifier":
        model = classifier(model, len(preset.labels or ()))
    if is_own:
        load_weights(model, load_file(files["weights"]), OWN_NAMES)
    return model


def pooled_by_mean(model: keras.Model) -> keras.Model:
    """Return a backbone whose "pooled" is the mean of its tokens' vectors.

    Args:
        model: Has the input "padding_mask" and the output "sequence".

    Returns:
        The model, without what made its own "pooled".

    Raises:
        KeyError: It has no such input or output.
    """
    inputs: Any = model.input
    sequence = model.output["sequence"]
    pooled = TokenMean(name="token_mean")(sequence, inputs["padding_mask"])
    return keras.Model(inputs, {"sequence": sequence, "pooled": pooled}, name=model.name)


def tokenizer(preset: Preset, files: Mapping[str, Path]) -> Tokenizer:
    """Return the preset's tokenizer.

    Args:
        preset: Its input says how many tokens a text may have.
        files: Has "vocabulary", a vocab.txt or tokenizer.json.

    Raises:
        FormatError: The file is damaged.
    """
    return read_tokenizer(files["vocabulary"], preset.input.length)
