"""Files of any format whose graph names its weights: the graph as it is, and a network that can be trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import penstock as ps
import penstock_keras_api as keras
from penstock_models.architectures import architecture
from penstock_models.architectures.classifier import classifier
from penstock_models.loaders.file_graph import graph
from penstock_models.presets.schema import Preset
from penstock_models.weights import Names, load_weights

__all__ = ["graph", "network"]


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the preset's architecture with the graph's weights, ready to be trained further.

    Args:
        preset: Names an architecture, with sizes, and labels; the option "head" names one of the architecture's heads,
            instead of a product.
        files: Has "weights".

    Returns:
        A model with the output "logits".

    Raises:
        FormatError: The file is damaged, or its weights do not fit.
    """
    from penstock_models.presets.load import labels_of

    found = architecture.find(preset.architecture or "")
    config = found.config.of(preset.config)
    model: keras.Model = found.backbone(config)
    head = preset.options.get("head")
    if head is None:
        model = classifier(model, len(labels_of(preset, files)))
    else:
        model = found.heads[head](model, config)
    path = files["weights"]
    stored = ps.load(path.parent if preset.options.get("folder") else path).variables
    names = found.names if isinstance(found.names, Names) else found.names(config)
    load_weights(model, {name: variable.numpy() for name, variable in stored.items()}, names)
    return model
