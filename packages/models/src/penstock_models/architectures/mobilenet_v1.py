"""MobileNet: each convolution cut into one over the window and one over the channels.

Howard et al., 2017, https://arxiv.org/abs/1704.04861.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers.convolution import convolution, depthwise_convolution
from penstock_models.weights.names import Names

# Channels before the multiplier, and strides, of the 13 pairs.
PAIRS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class MobilenetV1Config(Config):
    """Sizes of a MobileNet; the defaults are those of the full one."""

    num_channels: int = 3
    width_multiplier: float = 1.0
    least_width: int = 8
    activation: str = "relu6"
    epsilon: float = 1e-3
    padding: str = "same"
    # Whether the norms are in the weights of the convolutions, as in files that were made to be run.
    folded: bool = False
    # Of the norms' running averages.
    momentum: float = 0.9997


def backbone(config: MobilenetV1Config) -> keras.Model:
    """Return the network: images [batch, height, width, channels] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height / 32, width / 32, width], and "pooled", their mean.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(MobilenetV1Config(width_multiplier=0.25)).output["pooled"].shape
    (None, 256)
    """
    images = keras.Input((None, None, config.num_channels), name="images")
    x = trunk(images, config)[-1]
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, {"features": x, "pooled": pooled}, name="mobilenet_v1")


def trunk(
    images: Any, config: MobilenetV1Config, pairs: tuple[tuple[int, int], ...] = PAIRS
) -> list[Any]:
    """Return what comes out of each pair of convolutions.

    Args:
        images: [batch, height, width, channels].
        config: The sizes.
        pairs: Channels before the multiplier, and strides.

    Returns:
        A tensor of each pair, [batch, height / strides so far, width / strides so far, channels].

    Raises:
        ValueError: Sizes do not fit together.
    """
    shared: dict[str, Any] = {
        "activation": config.activation, "epsilon": config.epsilon,
        "momentum": config.momentum, "padding": config.padding,
        "folded": config.folded,
    }  # fmt: skip

    def width(channels: int) -> int:
        return max(int(channels * config.width_multiplier), config.least_width)

    x = convolution(images, width(32), 3, "stem", strides=2, **shared)
    made = []
    for i, (channels, strides) in enumerate(pairs):
        x = depthwise_convolution(x, 3, f"conv_{2 * i}", strides=strides, **shared)
        x = convolution(x, width(channels), 1, f"conv_{2 * i + 1}", **shared)
        made.append(x)
    return made


def config_of(published: dict[str, Any]) -> MobilenetV1Config:
    """Return the sizes in a published config.json."""
    return MobilenetV1Config(
        num_channels=published["num_channels"],
        width_multiplier=published["depth_multiplier"],
        least_width=published["min_depth"],
        activation=published["hidden_act"],
        epsilon=published["layer_norm_eps"],
        padding="same" if published["tf_padding"] else "around",
    )


NAMES = Names(
    {
        "stem": "conv_stem.convolution",
        "stem_norm": "conv_stem.normalization",
        "conv_{i}": "layer.{i}.convolution",
        "conv_{i}_norm": "layer.{i}.normalization",
        "classifier": "classifier",
    },
    prefix="mobilenet_v1.",
)

ARCHITECTURE = Architecture("mobilenet_v1", MobilenetV1Config, backbone, config_of, NAMES)
