"""DS-CNN: a picture of sound through convolutions cut into one over the window and one over the channels.

Zhang et al., 2017, "Hello Edge: Keyword Spotting on Microcontrollers", https://arxiv.org/abs/1711.07128.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.weights.names import Names, TensorFlowNames

layers = keras.layers


class DsCnnConfig(Config):
    """Sizes of a DS-CNN; the defaults are those of the small one."""

    num_frames: int = 49
    num_coefficients: int = 10
    width: int = 64
    num_blocks: int = 4
    kernel_size: tuple[int, int] = (10, 4)
    strides: tuple[int, int] = (2, 2)
    # Of the first block; the others keep the size.
    block_strides: tuple[int, int] = (1, 1)
    dropout: float = 0.0
    # Whether the norms are in the weights of the convolutions, as in files that were made to be run.
    folded: bool = False


def backbone(config: DsCnnConfig) -> keras.Model:
    """Return the network: coefficients of sound [batch, frames, coefficients, 1] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height, width, channels], and "pooled", their mean.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(DsCnnConfig()).output["features"].shape
    (None, 25, 5, 64)
    """
    shape = (config.num_frames, config.num_coefficients, 1)
    sound = keras.Input(shape, name="sound")
    x = layers.Conv2D(
        config.width, config.kernel_size, strides=config.strides, padding="same", name="conv_1"
    )(sound)  # fmt: skip
    x = _normed(x, "conv_1", config)
    x = layers.Dropout(config.dropout, name="dropout_1")(x)
    for i in range(1, config.num_blocks + 1):
        strides = config.block_strides if i == 1 else (1, 1)
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", name=f"depthwise_{i}")(x)
        x = _normed(x, f"depthwise_{i}", config)
        x = layers.Conv2D(config.width, 1, name=f"pointwise_{i}")(x)
        x = _normed(x, f"pointwise_{i}", config)
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    pooled = layers.Dropout(2 * config.dropout, name="dropout_2")(pooled)
    return keras.Model(sound, {"features": x, "pooled": pooled}, name="ds_cnn")


def _normed(x: Any, name: str, config: DsCnnConfig) -> Any:
    if not config.folded:
        x = layers.BatchNormalization(
            scale=False, epsilon=1e-3, momentum=0.96, name=f"{name}_norm"
        )(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)


# What TensorFlow's files call them; a norm there has a scale too, which is 1.
NAMES: Names = TensorFlowNames(
    {
        "conv_1": "MobileNet/conv_1",
        "conv_1_norm": "MobileNet/conv_1/batch_norm",
        "depthwise_{i}": "MobileNet/conv_ds_{i}/depthwise_conv",
        "depthwise_{i}_norm": "MobileNet/conv_ds_{i}/dw_batch_norm",
        "pointwise_{i}": "MobileNet/conv_ds_{i}/pointwise_conv",
        "pointwise_{i}_norm": "MobileNet/conv_ds_{i}/pw_batch_norm",
        "classifier": "MobileNet/fc1",
    },
    {"depthwise_{i}/kernel": "MobileNet/conv_ds_{i}/depthwise_conv/depthwise_weights"},
    ignore=r"/Const$",
    as_it_is=True,
)

ARCHITECTURE = Architecture("ds_cnn", DsCnnConfig, backbone, DsCnnConfig.of, NAMES)
