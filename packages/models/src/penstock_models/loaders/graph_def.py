"""Frozen graphs of TensorFlow: the graph as it is, and its weights for a network that can be trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import penstock as ps
import penstock_keras_api as keras
from penstock_models.architectures import architecture
from penstock_models.loaders.file_graph import graph
from penstock_models.presets.schema import Preset
from penstock_models.tasks.classifier import classifier
from penstock_models.weights import Names, load_weights

__all__ = ["graph", "network"]


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the preset's architecture with the graph's weights, ready to be trained further.

    Args:
        preset: Names an architecture, with sizes, and labels.
        files: Has "weights".

    Returns:
        A model with the output "logits".

    Raises:
        FormatError: The file is damaged, or its weights do not fit.
    """
    found = architecture.find(preset.architecture or "")
    config = found.config.of(preset.config)
    model = classifier(found.backbone(config), len(preset.labels or ()))
    stored = ps.load(files["weights"]).variables
    tensors = {name: variable.numpy() for name, variable in stored.items()}
    load_weights(
        model, tensors, found.names if isinstance(found.names, Names) else found.names(config)
    )
    return model
