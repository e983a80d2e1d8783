"""Style transfer in two files: one reads a style, one paints with it.

Ghiasi et al., 2017, https://arxiv.org/abs/1705.06830.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import penstock as ps
from penstock_models.presets.schema import Preset


def graph(preset: Preset, files: Mapping[str, Path]) -> Callable[[Any, Any], dict[str, Any]]:
    """Return a function of a scaled picture and a scaled style that returns "image" [1, height, width, 3].

    Args:
        preset: The preset.
        files: Has "predict" and "transfer".

    Returns:
        The function.

    Raises:
        FormatError: A file is damaged.
    """
    predict, transfer = ps.load(files["predict"]), ps.load(files["transfer"])
    return lambda content, style: {"image": transfer(content, predict(style))}
