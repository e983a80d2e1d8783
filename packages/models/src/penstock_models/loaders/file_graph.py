"""Files of any format that hold a whole classifier: the graph as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import penstock as ps
from penstock_models.presets.schema import Preset


def graph(preset: Preset, files: Mapping[str, Path]) -> Callable[[Any], dict[str, Any]]:
    """Return the file's graph: a function of a batch that returns what the preset's options call its output.

    Args:
        preset: With the options "output", such as "logits", and "folder", true if the file's folder is what is read.
        files: Has "weights", and whatever lies beside it.

    Returns:
        The function.

    Raises:
        FormatError: The file is damaged.
    """
    path = files["weights"]
    model = ps.load(path.parent if preset.options.get("folder") else path)
    output = preset.options.get("output", "probabilities")
    return lambda batch: {output: model(batch)}
