"""From a preset's name to a model."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from penstock.errors import FormatError, InvalidValueError
from penstock_models.presets.catalogue import SHIPPED, all_presets, find_preset
from penstock_models.presets.schema import Preset, read_preset
from penstock_models.sources import find_files

# Which class stands for a task; its module has a function `of(preset, files, loader)`.
TASKS: Mapping[str, str] = {
    "image-classification": "image_classifier",
    "image-features": "image_features",
    "object-detection": "object_detector",
    "face-detection": "object_detector",
    "image-segmentation": "segmenter",
    "keyword-spotting": "keyword_spotter",
    "text-classification": "text_classifier",
    "text-features": "text_encoder",
    "style-transfer": "stylist",
    "text-generation": "character_writer",
    "translation": "translator",
    "word-vectors": "word_vectors",
    "dependency-parsing": "dependency_parser",
}


def from_preset(name: str | Path) -> Any:
    """Return a pretrained model.

    Args:
        name: A preset's name, see `list_presets`; or the path of a folder with a preset.json, or of one that Hugging
            Face's `save_pretrained` wrote for a model that reads text.

    Returns:
        A model for the preset's task, with its weights, preprocessing and labels.

    Raises:
        ValueError: There is no preset of this name.
        MissingFileError: Its files are not on this machine, and may not be fetched.
        FormatError: A file is damaged.
    """
    folder = folder_of(name)
    if folder is None and is_published(name):
        return import_module("penstock_models.tasks.published_text").of_folder(name)
    if folder is None and Path(name).is_dir() and str(name) not in all_presets():
        raise FormatError(
            f"[from_preset] the folder {name} holds no model: it has no preset.json, nor config.json and a tokenizer; give "
            "a folder that `penstock finetune` or a model's `save` wrote to its end, or a preset's name"
        )
    preset = find_preset(str(name)) if folder is None else read_preset(folder / "preset.json")
    if preset.task not in TASKS:
        raise InvalidValueError(f"[from_preset] there is no model for {preset.task} yet")
    files = find_files(preset, folder)
    loader = loader_of(preset)
    task = import_module(f"penstock_models.tasks.{TASKS[preset.task]}")
    return task.of(preset, files, loader)


def loader_of(preset: Preset) -> Any:
    """Return the module that reads a preset's files.

    Raises:
        FormatError: There is none of this name.
    """
    module = f"penstock_models.loaders.{preset.loader}"
    if find_spec(module) is None:
        raise FormatError(
            f"[preset] {preset.name} wants the loader {preset.loader!r}, which this version does not have; install a newer "
            "penstock-models, or correct preset.json"
        )
    return import_module(module)


def is_published(name: str | Path) -> bool:
    """Return whether a folder holds a published model that reads text, and its tokenizer.

    Args:
        name: As in `from_preset`.
    """
    files = ("tokenizer.json", "vocab.txt", "vocab.json")
    folder = Path(name)
    return (folder / "config.json").is_file() and any((folder / f).is_file() for f in files)


def folder_of(name: str | Path) -> Path | None:
    """Return the folder that has a preset's own files; None for one whose files are elsewhere.

    Args:
        name: As in `from_preset`.
    """
    for folder in (Path(name), SHIPPED / str(name)):
        if (folder / "preset.json").is_file():
            return folder
    return None


def labels_of(preset: Preset, files: Mapping[str, Path]) -> list[str]:
    """Return a preset's labels, a word for each class; none if it has none."""
    if preset.labels is None:
        return []
    if isinstance(preset.labels, str):
        return files[preset.labels].read_text("utf-8").splitlines()
    return list(preset.labels)
