"""SqueezeNet: channels are squeezed into few, and expanded by two sizes of windows side by side.

Iandola et al., 2016, https://arxiv.org/abs/1602.07360; version 1.1 as the authors published it later.
"""

from __future__ import annotations

from typing import Any, Literal

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.weights.names import Names

layers = keras.layers

# Of each fire module: squeezed channels, and those that each size of windows makes of them.
FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
# Of each version: channels and window of the first convolution; the modules before which the picture is halved.
VERSIONS = {"1.0": (96, 7, (2, 5, 9)), "1.1": (64, 3, (2, 4, 6))}


class SqueezenetConfig(Config):
    """Sizes of a SqueezeNet; the defaults are those of version 1.1."""

    num_channels: int = 3
    version: Literal["1.0", "1.1"] = "1.1"
    num_classes: int = 1000


def _fire(x: Any, squeezed: int, expanded: int, name: str) -> Any:
    x = layers.Conv2D(squeezed, 1, activation="relu", name=f"{name}_squeeze")(x)
    narrow = layers.Conv2D(expanded, 1, activation="relu", name=f"{name}_expand1x1")(x)
    wide = layers.Conv2D(
        expanded, 3, padding="same", activation="relu", name=f"{name}_expand3x3"
    )(x)  # fmt: skip
    return layers.Concatenate(name=f"{name}_concat")([narrow, wide])


def backbone(config: SqueezenetConfig) -> keras.Model:
    """Return the network: images [batch, height, width, channels] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height / 16, width / 16, 512], and "pooled", their mean.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(SqueezenetConfig()).output["pooled"].shape
    (None, 512)
    """
    channels, window, halved = VERSIONS[config.version]
    images = keras.Input((None, None, config.num_channels), name="images")
    x = layers.Conv2D(channels, window, strides=2, activation="relu", name="conv1")(images)
    for number, (squeezed, expanded) in enumerate(FIRES, 2):
        if number in halved:
            x = layers.MaxPooling2D(3, strides=2, name=f"pool{number - 1}")(x)
        x = _fire(x, squeezed, expanded, f"fire{number}")
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, {"features": x, "pooled": pooled}, name="squeezenet")


def classified(model: keras.Model, config: SqueezenetConfig) -> keras.Model:
    """Return the network with its own head: a score for each class and place, and their mean.

    Args:
        model: What `backbone` returned.
        config: Says how many classes there are.

    Returns:
        A model with the output "logits" [batch, num_classes].

    Raises:
        ValueError: There is no class.

    >>> config = SqueezenetConfig(num_classes=5)
    >>> classified(backbone(config), config).output["logits"].shape
    (None, 5)
    """
    x = layers.Dropout(0.5, name="drop9")(model.output["features"])
    x = layers.Conv2D(config.num_classes, 1, activation="relu", name="conv10")(x)
    logits = layers.GlobalAveragePooling2D(name="logits")(x)
    return keras.Model(model.input, {"logits": logits}, name="squeezenet")


def names_of(config: SqueezenetConfig) -> Names:
    """Return what files in PyTorch's manner call the weights: modules by their place among all steps."""
    places = {"conv1": 0}
    place = 2  # after the first convolution and its activation
    for number in range(2, 10):
        place += number in VERSIONS[config.version][2]
        places[f"fire{number}"] = place
        place += 1
    table = {"conv1": "features.0", "conv10": "classifier.1"}
    for number in range(2, 10):
        for part in ("squeeze", "expand1x1", "expand3x3"):
            table[f"fire{number}_{part}"] = f"features.{places[f'fire{number}']}.{part}"
    return Names(table)


ARCHITECTURE = Architecture(
    "squeezenet", SqueezenetConfig, backbone, SqueezenetConfig.of, names_of, {"classes": classified}
)
