"""LeNet: two convolutions, each made smaller, and two layers that see everything.

LeCun et al., 1998, "Gradient-based learning applied to document recognition", with the activations of today.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.weights import OWN_NAMES


class LenetConfig(Config):
    """Sizes of a LeNet; the defaults are those of LeNet-5 for pictures of 28 pixels."""

    image_size: int = 28
    num_channels: int = 1
    filters: tuple[int, int] = (6, 16)
    widths: tuple[int, int] = (120, 84)
    activation: str = "relu"
    pooling: str = "max"
    dropout: float = 0.0


def backbone(config: LenetConfig) -> keras.Model:
    """Return the network: images [batch, size, size, channels] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height, width, filters], and "pooled" [batch, width].

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(LenetConfig()).output["pooled"].shape
    (None, 84)
    """
    layers = keras.layers
    pool = layers.MaxPooling2D if config.pooling == "max" else layers.AveragePooling2D
    size, activation = config.image_size, config.activation
    images = keras.Input((size, size, config.num_channels), name="images")
    x = images
    for i, filters in enumerate(config.filters):
        padding = "valid" if i else "same"
        x = layers.Conv2D(filters, 5, padding=padding, activation=activation, name=f"conv_{i}")(x)
        x = pool(2, name=f"pool_{i}")(x)
    y = layers.Flatten(name="flatten")(x)
    for i, width in enumerate(config.widths):
        y = layers.Dense(width, activation=activation, name=f"dense_{i}")(y)
        y = layers.Dropout(config.dropout, name=f"dropout_{i}")(y)
    return keras.Model(images, {"features": x, "pooled": y}, name="lenet")


def config_of(published: dict[str, Any]) -> LenetConfig:
    """Return the sizes in a configuration that has the names of `LenetConfig`."""
    return LenetConfig.of({k: v for k, v in published.items() if k in LenetConfig.model_fields})


ARCHITECTURE = Architecture("lenet", LenetConfig, backbone, config_of, OWN_NAMES)
