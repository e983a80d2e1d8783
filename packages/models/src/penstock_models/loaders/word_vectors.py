"""Tables of word vectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from penstock_models.presets.schema import Preset
from penstock_models.tasks.word_vectors import read_json, read_lines


def vectors(preset: Preset, files: Mapping[str, Path]) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return words, and a vector for each.

    Args:
        preset: The preset.
        files: Has "vectors", in GloVe's text form or as JSON.

    Returns:
        The words, and [words, depth].

    Raises:
        FormatError: The file is damaged.
    """
    path = files["vectors"]
    return read_json(path) if path.suffix == ".json" else read_lines(path)
