"""Files of weights that Keras wrote, of any age."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import penstock_keras_api as keras
from penstock_models.architectures import architecture
from penstock_models.architectures.classifier import classifier
from penstock_models.presets.schema import Preset


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the preset's architecture with the file's weights, ready to be trained further.

    Args:
        preset: Names an architecture, with sizes.
        files: Has "weights": a .weights.h5 or .keras file, or an HDF5 file of an older Keras.

    Returns:
        A model of scaled pictures with the output "logits", or "features" and "pooled" if the preset tells no classes.

    Raises:
        FormatError: The file is damaged, or does not fit the sizes.
        MissingPluginError: The reader of HDF5 is not installed.
    """
    found = architecture.find(preset.architecture or "")
    model: keras.Model = found.backbone(found.config.of(preset.config))
    if preset.task == "image-classification":
        from penstock_models.presets.load import labels_of

        model = classifier(model, len(labels_of(preset, files)))
    model.load_weights(files["weights"])
    return model
