"""MobileNet v2: narrow layers between wide ones that look at each channel alone.

Sandler et al., 2018, https://arxiv.org/abs/1801.04381.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers.convolution import convolution, depthwise_convolution, divisible
from penstock_models.weights.names import Names

STEM_WIDTH, FIRST_WIDTH, LAST_WIDTH = 32, 16, 1280
# Channels before the multiplier, and strides, of the 16 blocks after the first.
BLOCKS = (
    (24, 2), (24, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1), (64, 1),
    (96, 1), (96, 1), (96, 1), (160, 2), (160, 1), (160, 1), (320, 1),
)  # fmt: skip


class MobilenetV2Config(Config):
    """Sizes of a MobileNet v2; the defaults are those of the full one."""

    num_channels: int = 3
    width_multiplier: float = 1.0
    divisor: int = 8
    least_width: int = 8
    expansion: float = 6.0
    activation: str = "relu6"
    epsilon: float = 1e-3
    padding: str = "same"
    # Whether the norms are in the weights of the convolutions, as in files that were made to be run.
    folded: bool = False
    # Whether the last layer keeps its width when the multiplier is below 1.
    full_last_layer: bool = True


def backbone(config: MobilenetV2Config) -> keras.Model:
    """Return the network: images [batch, height, width, channels] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height / 32, width / 32, width], and "pooled", their mean.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(MobilenetV2Config(width_multiplier=0.35)).output["pooled"].shape
    (None, 1280)
    """
    images = keras.Input((None, None, config.num_channels), name="images")
    x = trunk(images, config)
    x = convolution(
        x, _last_width(config), 1, "last", activation=config.activation, **_shared(config)
    )
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, {"features": x, "pooled": pooled}, name="mobilenet_v2")


def trunk(images: Any, config: MobilenetV2Config, output_stride: int = 32) -> Any:
    """Return features without the last layer.

    Args:
        images: [batch, height, width, channels].
        config: The sizes.
        output_stride: How much smaller features become than pictures. Below 32, windows are widened instead of moved.

    Returns:
        [batch, height / output_stride, width / output_stride, 320 or so].

    Raises:
        ValueError: Sizes do not fit together.
    """
    shared = _shared(config)
    active: dict[str, Any] = {"activation": config.activation, **shared}
    x = convolution(images, _width(STEM_WIDTH, config), 3, "stem", strides=2, **active)
    x = depthwise_convolution(x, 3, "stem_depthwise", **active)
    x = convolution(x, _width(FIRST_WIDTH, config), 1, "stem_reduce", activation=None, **shared)
    reached, dilation = 2, 1
    for i, (channels, wanted) in enumerate(BLOCKS):
        strides = wanted if reached < output_stride else 1
        inputs, name, width = x, f"block_{i}", _width(channels, config)
        wide = divisible(round(x.shape[-1] * config.expansion), config.divisor, config.least_width)
        x = convolution(x, wide, 1, f"{name}_expand", **active)
        x = depthwise_convolution(
            x, 3, f"{name}_depthwise", strides=strides, dilation=dilation, **active
        )
        x = convolution(x, width, 1, f"{name}_reduce", activation=None, **shared)
        if wanted == 1 and inputs.shape[-1] == width:
            x = keras.layers.Add()([inputs, x])
        reached, dilation = reached * strides, dilation * wanted // strides
    return x


def _shared(config: MobilenetV2Config) -> dict[str, Any]:
    return {
        "epsilon": config.epsilon, "momentum": 0.997, "padding": config.padding, "folded": config.folded,
    }  # fmt: skip


def _width(channels: int, config: MobilenetV2Config) -> int:
    scaled = round(channels * config.width_multiplier)
    return divisible(scaled, config.divisor, config.least_width)


def _last_width(config: MobilenetV2Config) -> int:
    if config.full_last_layer and config.width_multiplier < 1:
        return LAST_WIDTH
    return _width(LAST_WIDTH, config)


def config_of(published: dict[str, Any]) -> MobilenetV2Config:
    """Return the sizes in a published config.json."""
    return MobilenetV2Config(
        num_channels=published["num_channels"],
        width_multiplier=published["depth_multiplier"],
        divisor=published["depth_divisible_by"],
        least_width=published["min_depth"],
        expansion=published["expand_ratio"],
        activation=published["hidden_act"],
        epsilon=published["layer_norm_eps"],
        padding="same" if published["tf_padding"] else "around",
        full_last_layer=published["finegrained_output"],
    )


NAMES = Names(
    {
        "stem": "conv_stem.first_conv.convolution",
        "stem_norm": "conv_stem.first_conv.normalization",
        "stem_depthwise": "conv_stem.conv_3x3.convolution",
        "stem_depthwise_norm": "conv_stem.conv_3x3.normalization",
        "stem_reduce": "conv_stem.reduce_1x1.convolution",
        "stem_reduce_norm": "conv_stem.reduce_1x1.normalization",
        "block_{i}_expand": "layer.{i}.expand_1x1.convolution",
        "block_{i}_expand_norm": "layer.{i}.expand_1x1.normalization",
        "block_{i}_depthwise": "layer.{i}.conv_3x3.convolution",
        "block_{i}_depthwise_norm": "layer.{i}.conv_3x3.normalization",
        "block_{i}_reduce": "layer.{i}.reduce_1x1.convolution",
        "block_{i}_reduce_norm": "layer.{i}.reduce_1x1.normalization",
        "last": "conv_1x1.convolution",
        "last_norm": "conv_1x1.normalization",
        "classifier": "classifier",
    },
    prefix="mobilenet_v2.",
)

ARCHITECTURE = Architecture("mobilenet_v2", MobilenetV2Config, backbone, config_of, NAMES)
