"""Pretrained models, and how to make them yours."""

from importlib import import_module
from typing import Any

from penstock_models.errors import MissingFileError
from penstock_models.finetune import finetune
from penstock_models.presets import Preset, find_preset, list_presets
from penstock_models.presets.load import from_preset

__all__ = ["MissingFileError", "Preset", "find_preset", "finetune", "from_preset", "list_presets"]

# Found as `models.data` too, without an import of their own; read when they are first asked for.
_PARTS = ("applications", "data", "evaluation", "export", "report", "tokenizers")


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return import_module(f"penstock_models.{name}")
    raise AttributeError(f"module 'penstock_models' has no attribute {name!r}")
