"""Tables of word vectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from penstock_models.embeddings.files import read_own, read_vectors
from penstock_models.presets.schema import Preset


def vectors(preset: Preset, files: Mapping[str, Path]) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return words, and a vector for each.

    Args:
        preset: The preset.
        files: Has "vectors", as `read_vectors` reads them; or "weights" and "vocabulary" of a recipe.

    Returns:
        The words, and [words, depth].

    Raises:
        FormatError: The file is damaged.
    """
    if "vocabulary" in files:
        return read_own(files["weights"], files["vocabulary"])
    return read_vectors(files["vectors"])
