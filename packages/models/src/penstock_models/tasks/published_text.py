"""Folders of published models that read text: the task that their class is for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import penstock_keras_api as keras
from penstock.errors import FormatError, InvalidValueError
from penstock_models.loaders import hugging_face
from penstock_models.loaders.text import pooled_by_mean
from penstock_models.tasks.mask_filler import MaskFiller
from penstock_models.tasks.text_classifier import TextClassifier
from penstock_models.tasks.text_encoder import TextEncoder
from penstock_models.tasks.text_generator import TextGenerator
from penstock_models.tokenizers import read_tokenizer

Task = TextClassifier | TextEncoder | MaskFiller | TextGenerator


def of_folder(folder: str | Path) -> Task:
    """Return the model of a folder of Hugging Face's form.

    Args:
        folder: Has config.json, model.safetensors and a tokenizer's files. A class "...ForSequenceClassification" makes a
            `TextClassifier`, "...ForMaskedLM" a `MaskFiller`, "...LMHeadModel" and "...ForCausalLM" a `TextGenerator`,
            and a plain "...Model" a `TextEncoder` that takes the mean of all tokens.

    Returns:
        The model.

    Raises:
        FormatError: A file is missing or damaged, or the weights do not fit.
        ValueError: The architecture, or its head, is not known here.
    """
    folder = Path(folder)
    try:
        published: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"[published] {folder / 'config.json'} cannot be read: {error}") from None
    tokenizer = read_tokenizer(folder)
    known = _positions(published)
    tokenizer.max_length = min(tokenizer.max_length, known) if known else tokenizer.max_length
    kind = (published.get("architectures") or ["Model"])[0]
    load = _once(folder)
    if kind.endswith("ForSequenceClassification"):
        names = published.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
        labels = [names[key] for key in sorted(names, key=int)]
        return TextClassifier(labels, tokenizer, load)
    if kind.endswith("ForMaskedLM"):
        return MaskFiller(tokenizer, load())
    if kind.endswith(("LMHeadModel", "ForCausalLM")):
        end = published.get("eos_token_id")
        return TextGenerator(tokenizer, load(), end[0] if isinstance(end, list) else end)
    if kind.endswith("Model"):
        return TextEncoder(tokenizer, lambda: pooled_by_mean(load()))
    raise InvalidValueError(
        f"[published] {folder} holds a {kind}, a head that is not known here; save the model without it"
    )


def _once(folder: Path) -> Callable[[], keras.Model]:
    return lambda: hugging_face.load(folder)


def _positions(published: dict[str, Any]) -> int | None:
    """Return how many positions the network knows."""
    most = published.get("max_position_embeddings") or published.get("n_positions")
    roberta = published.get("model_type") in ("roberta", "xlm-roberta", "camembert")
    return most - published["pad_token_id"] - 1 if most and roberta else most
