"""RegNet: ResNet-like blocks with grouped convolutions, whose sizes follow one line.

Radosavovic et al., 2020, https://arxiv.org/abs/2003.13678.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers.convolution import convolution
from penstock_models.weights.names import Names


class RegnetConfig(Config):
    """Sizes of a RegNet; the defaults are those of RegNetY-400MF."""

    num_channels: int = 3
    stem_width: int = 32
    widths: tuple[int, ...] = (48, 104, 208, 440)
    depths: tuple[int, ...] = (1, 3, 6, 6)
    group_width: int = 8
    activation: str = "relu"
    # Whether each block weighs its channels by their means.
    squeeze: bool = True
    stride_in_first_stage: bool = True


def backbone(config: RegnetConfig) -> keras.Model:
    """Return the network: images [batch, height, width, channels] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height / 32, width / 32, width], and "pooled", their mean.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(RegnetConfig(stem_width=8, widths=(8, 16), depths=(1, 1))).output["pooled"].shape
    (None, 16)
    """
    images = keras.Input((None, None, config.num_channels), name="images")
    x = convolution(images, config.stem_width, 3, "stem", strides=2, activation=config.activation)
    for stage, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
        first = 2 if stage or config.stride_in_first_stage else 1
        for i in range(depth):
            x = _block(x, width, first if i == 0 else 1, f"stage_{stage}_block_{i}", config)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, {"features": x, "pooled": pooled}, name="regnet")


def _block(x: Any, width: int, strides: int, name: str, config: RegnetConfig) -> Any:
    inputs, act = x, config.activation
    groups = max(1, width // config.group_width)
    x = convolution(x, width, 1, f"{name}_conv_0", activation=act)
    x = convolution(x, width, 3, f"{name}_conv_1", strides=strides, groups=groups, activation=act)
    if config.squeeze:
        x = _squeeze(x, round(inputs.shape[-1] / 4), name)
    last = 3 if config.squeeze else 2
    x = convolution(x, width, 1, f"{name}_conv_{last}", activation=None)
    shortcut = inputs
    if strides != 1 or inputs.shape[-1] != width:
        shortcut = convolution(
            inputs, width, 1, f"{name}_shortcut", strides=strides, activation=None
        )
    return keras.layers.Activation(act)(keras.layers.Add()([x, shortcut]))


def _squeeze(x: Any, width: int, name: str) -> Any:
    means = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = keras.layers.Conv2D(width, 1, activation="relu", name=f"{name}_squeeze")(means)
    weights = keras.layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name=f"{name}_excite")(
        weights
    )
    return keras.layers.Multiply()([x, weights])


def config_of(published: dict[str, Any]) -> RegnetConfig:
    """Return the sizes in a published config.json."""
    return RegnetConfig(
        num_channels=published["num_channels"],
        stem_width=published["embedding_size"],
        widths=tuple(published["hidden_sizes"]),
        depths=tuple(published["depths"]),
        group_width=published["groups_width"],
        activation=published["hidden_act"],
        squeeze=published["layer_type"] == "y",
        stride_in_first_stage=published["downsample_in_first_stage"],
    )


BLOCK = "encoder.stages.{s}.layers.{b}."
NAMES = Names(
    {
        "stem": "embedder.embedder.convolution",
        "stem_norm": "embedder.embedder.normalization",
        "stage_{s}_block_{b}_conv_{c}": BLOCK + "layer.{c}.convolution",
        "stage_{s}_block_{b}_conv_{c}_norm": BLOCK + "layer.{c}.normalization",
        "stage_{s}_block_{b}_squeeze": BLOCK + "layer.2.attention.0",
        "stage_{s}_block_{b}_excite": BLOCK + "layer.2.attention.2",
        "stage_{s}_block_{b}_shortcut": BLOCK + "shortcut.convolution",
        "stage_{s}_block_{b}_shortcut_norm": BLOCK + "shortcut.normalization",
        "classifier": "classifier.1",
    },
    prefix="regnet.",
)

ARCHITECTURE = Architecture("regnet", RegnetConfig, backbone, config_of, NAMES)
