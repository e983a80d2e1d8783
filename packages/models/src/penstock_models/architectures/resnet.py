"""ResNet: blocks that add to what came in.

He et al., 2015, https://arxiv.org/abs/1512.03385. The stride is in a block's 3x3 convolution ("v1.5") unless asked otherwise.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers.convolution import convolution
from penstock_models.weights.names import Names


class ResnetConfig(Config):
    """Sizes of a ResNet; the defaults are those of ResNet-50."""

    num_channels: int = 3
    stem_width: int = 64
    widths: tuple[int, ...] = (256, 512, 1024, 2048)
    depths: tuple[int, ...] = (3, 4, 6, 3)
    bottleneck: bool = True
    activation: str = "relu"
    stride_in_first_stage: bool = False
    stride_in_first_convolution: bool = False


def backbone(config: ResnetConfig) -> keras.Model:
    """Return the network: images [batch, height, width, channels] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height / 32, width / 32, width], and "pooled", their mean.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(ResnetConfig(stem_width=4, widths=(8, 16), depths=(1, 1))).output["pooled"].shape
    (None, 16)
    """
    images = keras.Input((None, None, config.num_channels), name="images")
    x = convolution(images, config.stem_width, 7, "stem", strides=2, activation=config.activation)
    x = keras.layers.ZeroPadding2D(1)(x)  # zeros never win: what is around has been through relu
    x = keras.layers.MaxPooling2D(3, strides=2)(x)
    for stage, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
        first = 2 if stage or config.stride_in_first_stage else 1
        for i in range(depth):
            x = _block(x, width, first if i == 0 else 1, f"stage_{stage}_block_{i}", config)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, {"features": x, "pooled": pooled}, name="resnet")


def _block(x: Any, width: int, strides: int, name: str, config: ResnetConfig) -> Any:
    shortcut = x
    if strides != 1 or x.shape[-1] != width:
        shortcut = convolution(x, width, 1, f"{name}_shortcut", strides=strides, activation=None)
    for i, (filters, size, stride) in enumerate(_convolutions(width, strides, config)):
        last = i == (2 if config.bottleneck else 1)
        activation = None if last else config.activation
        x = convolution(x, filters, size, f"{name}_conv_{i}", strides=stride, activation=activation)
    x = keras.layers.Add()([x, shortcut])
    return keras.layers.Activation(config.activation)(x)


def _convolutions(
    width: int, strides: int, config: ResnetConfig
) -> tuple[tuple[int, int, int], ...]:
    """Return filters, size and stride of a block's convolutions."""
    if not config.bottleneck:
        return ((width, 3, strides), (width, 3, 1))
    narrow = width // 4
    early = config.stride_in_first_convolution
    return (
        (narrow, 1, strides if early else 1),
        (narrow, 3, 1 if early else strides),
        (width, 1, 1),
    )


def config_of(published: dict[str, Any]) -> ResnetConfig:
    """Return the sizes in a published config.json."""
    return ResnetConfig(
        num_channels=published["num_channels"],
        stem_width=published["embedding_size"],
        widths=tuple(published["hidden_sizes"]),
        depths=tuple(published["depths"]),
        bottleneck=published["layer_type"] == "bottleneck",
        activation=published["hidden_act"],
        stride_in_first_stage=published["downsample_in_first_stage"],
        stride_in_first_convolution=published["downsample_in_bottleneck"],
    )


BLOCK = "encoder.stages.{s}.layers.{b}."
NAMES = Names(
    {
        "stem": "embedder.embedder.convolution",
        "stem_norm": "embedder.embedder.normalization",
        "stage_{s}_block_{b}_conv_{c}": BLOCK + "layer.{c}.convolution",
        "stage_{s}_block_{b}_conv_{c}_norm": BLOCK + "layer.{c}.normalization",
        "stage_{s}_block_{b}_shortcut": BLOCK + "shortcut.convolution",
        "stage_{s}_block_{b}_shortcut_norm": BLOCK + "shortcut.normalization",
        "classifier": "classifier.1",
    },
    prefix="resnet.",
)

ARCHITECTURE = Architecture("resnet", ResnetConfig, backbone, config_of, NAMES)
