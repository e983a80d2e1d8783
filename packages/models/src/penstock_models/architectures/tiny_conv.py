"""The smallest network that hears words: one convolution and one product.

Warden, 2018, "Speech Commands", https://arxiv.org/abs/1804.03209, and TensorFlow Lite for Microcontrollers' example.
"""

from __future__ import annotations

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.weights import OWN_NAMES

layers = keras.layers


class TinyConvConfig(Config):
    """Sizes of the smallest network that hears words."""

    num_frames: int = 49
    num_bands: int = 40
    width: int = 8
    kernel_size: tuple[int, int] = (10, 8)
    strides: tuple[int, int] = (2, 2)


def backbone(config: TinyConvConfig) -> keras.Model:
    """Return the network: bands of sound [batch, frames, bands, 1] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height, width, channels], and "pooled", the same in one row.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(TinyConvConfig()).output["pooled"].shape
    (None, 4000)
    """
    sound = keras.Input((config.num_frames, config.num_bands, 1), name="sound")
    x = layers.DepthwiseConv2D(
        config.kernel_size,
        strides=config.strides,
        padding="same",
        depth_multiplier=config.width,
        activation="relu",
        name="conv",
    )(sound)
    pooled = layers.Flatten(name="pooled")(x)
    return keras.Model(sound, {"features": x, "pooled": pooled}, name="tiny_conv")


ARCHITECTURE = Architecture("tiny_conv", TinyConvConfig, backbone, TinyConvConfig.of, OWN_NAMES)
