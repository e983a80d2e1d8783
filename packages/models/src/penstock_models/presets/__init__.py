"""Presets: what is known about pretrained models, and how they are found."""

from penstock_models.presets.catalogue import find_preset, list_presets
from penstock_models.presets.schema import (
    Features,
    File,
    Input,
    Metric,
    Preset,
    Source,
    read_preset,
)

__all__ = [
    "Features",
    "File",
    "Input",
    "Metric",
    "Preset",
    "Source",
    "find_preset",
    "list_presets",
    "read_preset",
]
