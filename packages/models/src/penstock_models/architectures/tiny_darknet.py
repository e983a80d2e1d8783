"""Tiny Darknet: windows over many channels, and between them few channels for each place.

Redmon, 2016, https://pjreddie.com/darknet/tiny-darknet.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.weights import Names

layers = keras.layers

# Channels and window of each convolution; None halves the picture.
STEPS: tuple[tuple[int, int] | None, ...] = (
    (16, 3), None, (32, 3), None, (16, 1), (128, 3), (16, 1), (128, 3), None,
    (32, 1), (256, 3), (32, 1), (256, 3), None, (64, 1), (512, 3), (64, 1), (512, 3), (128, 1),
)  # fmt: skip


class TinyDarknetConfig(Config):
    """Sizes of a Tiny Darknet."""

    num_channels: int = 3
    num_classes: int = 1000
    slope: float = 0.1


def backbone(config: TinyDarknetConfig) -> keras.Model:
    """Return the network: images [batch, height, width, channels] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height / 16, width / 16, 128], and "pooled", their mean.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(TinyDarknetConfig()).output["pooled"].shape
    (None, 128)
    """
    x: Any = keras.Input((None, None, config.num_channels), name="images")
    images, number = x, 0
    for step in STEPS:
        if step is None:
            x = layers.MaxPooling2D(2, padding="same", name=f"pool_{number}")(x)
            continue
        number += 1
        width, size = step
        x = layers.Conv2D(width, size, padding="same", use_bias=False, name=f"conv_{number}")(x)
        x = layers.BatchNormalization(name=f"conv_{number}_norm")(x)
        x = layers.LeakyReLU(config.slope, name=f"conv_{number}_relu")(x)
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, {"features": x, "pooled": pooled}, name="tiny_darknet")


def classified(model: keras.Model, config: TinyDarknetConfig) -> keras.Model:
    """Return the network with its own head: a score for each class and place, and their mean.

    Args:
        model: What `backbone` returned.
        config: Says how many classes there are.

    Returns:
        A model with the output "logits" [batch, num_classes].

    Raises:
        ValueError: There is no class.

    >>> config = TinyDarknetConfig(num_classes=5)
    >>> classified(backbone(config), config).output["logits"].shape
    (None, 5)
    """
    x = layers.Conv2D(config.num_classes, 1, name="conv_16")(model.output["features"])
    logits = layers.GlobalAveragePooling2D(name="logits")(x)
    return keras.Model(model.input, {"logits": logits}, name="tiny_darknet")


NAMES = Names(
    {},
    {
        **{f"conv_{{i}}/{w}": f"conv2d_{{i}}/{w}" for w in ("kernel", "bias")},
        **{
            f"conv_{{i}}_norm/{w}": f"batch_normalization_{{i}}/{w}"
            for w in ("gamma", "beta", "moving_mean", "moving_variance")
        },
    },
    as_it_is=True,
)

ARCHITECTURE = Architecture(
    "tiny_darknet",
    TinyDarknetConfig,
    backbone,
    TinyDarknetConfig.of,
    NAMES,
    {"classes": classified},
)
