"""All presets that are known by name: a JSON file, or a folder with its weights, for each."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from penstock.errors import InvalidValueError
from penstock_models.presets.schema import Preset, read_preset

FOLDER = Path(__file__).parent / "catalogue"
SHIPPED = (
    Path(__file__).parent / "shipped"
)  # presets with all their files: they need no mirror and no network


@cache
def all_presets() -> Mapping[str, Preset]:
    """Return all presets, by name."""
    paths = [*FOLDER.glob("*.json"), *SHIPPED.glob("*/preset.json")]
    presets = [read_preset(path) for path in sorted(paths)]
    return {preset.name: preset for preset in presets}


def list_presets(task: str | None = None) -> list[str]:
    """Return the names of presets, sorted.

    Args:
        task: Only those for this task, such as "image-classification".

    Returns:
        The names.

    Raises:
        ValueError: No preset is for such a task.

    >>> "mobilenet_v2.imagenet_quant" in list_presets(task="image-classification")
    True
    """
    presets = all_presets().values()
    tasks = sorted({preset.task for preset in presets})
    if task is not None and task not in tasks:
        raise InvalidValueError(f"[list_presets] got task={task!r}; there are: {', '.join(tasks)}")
    return sorted(preset.name for preset in presets if task in (None, preset.task))


def find_preset(name: str) -> Preset:
    """Return the preset of a name.

    Args:
        name: Such as "mobilenet_v2.imagenet_quant".

    Returns:
        The preset.

    Raises:
        ValueError: There is none of this name; the message has the nearest ones.
    """
    presets = all_presets()
    if name in presets:
        return presets[name]
    near = difflib.get_close_matches(name, presets, 3, 0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "see penstock.models.list_presets()"
    raise InvalidValueError(f"[preset] there is no preset {name!r}; {hint}")
