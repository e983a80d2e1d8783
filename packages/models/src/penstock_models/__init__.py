"""Pretrained models, and how to make them yours."""

from penstock_models.errors import MissingFileError
from penstock_models.finetune import finetune
from penstock_models.presets import Preset, find_preset, list_presets
from penstock_models.presets.load import from_preset

__all__ = ["MissingFileError", "Preset", "find_preset", "finetune", "from_preset", "list_presets"]
