"""ResNets for small pictures: three stages of blocks with 3 times 3 windows, of 16, 32 and 64 channels.

He et al., 2015, "Deep Residual Learning", https://arxiv.org/abs/1512.03385, section 4.2; one block in each stage is the
ResNet-8 that MLPerf Tiny measures devices with.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.weights import OWN_NAMES

layers = keras.layers


class ResnetCifarConfig(Config):
    """Sizes of a ResNet for small pictures; the defaults are those of ResNet-8."""

    num_channels: int = 3
    widths: tuple[int, ...] = (16, 32, 64)
    num_blocks: int = 1
    # Whether the norms are in the weights of the convolutions, as in files that were made to be run.
    folded: bool = False


def backbone(config: ResnetCifarConfig) -> keras.Model:
    """Return the network: images [batch, height, width, channels] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height / 4, width / 4, width], and "pooled", their mean.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(ResnetCifarConfig()).output["pooled"].shape
    (None, 64)
    """
    images = keras.Input((None, None, config.num_channels), name="images")
    x = _convolution(images, config.widths[0], 3, 1, "stem", config)
    x = layers.Activation("relu", name="stem_relu")(x)
    for stage, width in enumerate(config.widths):
        for block in range(config.num_blocks):
            strides = 2 if stage > 0 and block == 0 else 1
            x = _block(x, width, strides, f"stage_{stage}_block_{block}", config)
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, {"features": x, "pooled": pooled}, name="resnet_cifar")


def _block(inputs: Any, width: int, strides: int, name: str, config: ResnetCifarConfig) -> Any:
    x = _convolution(inputs, width, 3, strides, f"{name}_conv_0", config)
    x = layers.Activation("relu", name=f"{name}_relu")(x)
    x = _convolution(x, width, 3, 1, f"{name}_conv_1", config)
    shortcut = inputs
    if strides > 1 or inputs.shape[-1] != width:
        shortcut = layers.Conv2D(
            width, 1, strides=strides, padding="same", name=f"{name}_shortcut"
        )(inputs)  # fmt: skip
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _convolution(
    x: Any, width: int, size: int, strides: int, name: str, config: ResnetCifarConfig
) -> Any:
    x = layers.Conv2D(width, size, strides=strides, padding="same", name=name)(x)
    # Something stands where the norm was, so that layers keep their order, by which files are read.
    after = layers.Identity if config.folded else layers.BatchNormalization
    return after(name=f"{name}_norm")(x)


ARCHITECTURE = Architecture(
    "resnet_cifar", ResnetCifarConfig, backbone, ResnetCifarConfig.of, OWN_NAMES
)
