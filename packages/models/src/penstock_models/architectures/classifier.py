"""A score for each class."""

from __future__ import annotations

import penstock_keras_api as keras


def classifier(backbone: keras.Model, num_classes: int, dropout: float = 0.0) -> keras.Model:
    """Return a backbone with a product that makes a score for each class.

    Args:
        backbone: A model with the output "pooled" [batch, width].
        num_classes: How many classes there are.
        dropout: The probability with which a number is left out while training.

    Returns:
        A model with the output "logits" [batch, num_classes].

    Raises:
        ValueError: There is no class.

    >>> from penstock_models.architectures.vit import VitConfig, backbone
    >>> small = VitConfig(image_size=16, patch_size=8, width=8, num_layers=1, num_heads=2, hidden_size=16)
    >>> classifier(backbone(small), 3).output["logits"].shape
    (None, 3)
    """
    x = backbone.output["pooled"]
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    logits = keras.layers.Dense(num_classes, name="classifier")(x)
    return keras.Model(backbone.input, {"logits": logits}, name=backbone.name)
