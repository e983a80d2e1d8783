"""ConvNeXt: convolutions arranged as a transformer is.

Liu et al., 2022, https://arxiv.org/abs/2201.03545.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers import LayerScale
from penstock_models.weights.names import Names

NORM_EPSILON = 1e-6


class ConvnextConfig(Config):
    """Sizes of a ConvNeXt; the defaults are those of the tiny one."""

    num_channels: int = 3
    patch_size: int = 4
    widths: tuple[int, ...] = (96, 192, 384, 768)
    depths: tuple[int, ...] = (3, 3, 9, 3)
    activation: str = "gelu"
    scale: float = 1e-6
    epsilon: float = 1e-12


def backbone(config: ConvnextConfig) -> keras.Model:
    """Return the network: images [batch, height, width, channels] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height / 32, width / 32, width], and "pooled", their mean, normed.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(ConvnextConfig(widths=(8, 16), depths=(1, 1))).output["pooled"].shape
    (None, 16)
    """
    layers = keras.layers
    images = keras.Input((None, None, config.num_channels), name="images")
    x = layers.Conv2D(config.widths[0], config.patch_size, strides=config.patch_size, name="stem")(
        images
    )
    x = layers.LayerNormalization(epsilon=NORM_EPSILON, name="stem_norm")(x)
    for stage, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
        if stage:
            x = layers.LayerNormalization(
                epsilon=NORM_EPSILON, name=f"stage_{stage}_downsample_norm"
            )(x)
            x = layers.Conv2D(width, 2, strides=2, name=f"stage_{stage}_downsample")(x)
        for i in range(depth):
            x = _block(x, width, f"stage_{stage}_block_{i}", config)
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    pooled = layers.LayerNormalization(epsilon=config.epsilon, name="final_norm")(pooled)
    return keras.Model(images, {"features": x, "pooled": pooled}, name="convnext")


def _block(inputs: Any, width: int, name: str, config: ConvnextConfig) -> Any:
    layers = keras.layers
    x = layers.DepthwiseConv2D(7, padding="same", name=f"{name}_depthwise")(inputs)
    x = layers.LayerNormalization(epsilon=NORM_EPSILON, name=f"{name}_norm")(x)
    x = layers.Dense(4 * width, activation=config.activation, name=f"{name}_expand")(x)
    x = layers.Dense(width, name=f"{name}_project")(x)
    if config.scale > 0:
        x = LayerScale(config.scale, name=f"{name}_scale")(x)
    return layers.Add()([inputs, x])


def config_of(published: dict[str, Any]) -> ConvnextConfig:
    """Return the sizes in a published config.json."""
    return ConvnextConfig(
        num_channels=published["num_channels"],
        patch_size=published["patch_size"],
        widths=tuple(published["hidden_sizes"]),
        depths=tuple(published["depths"]),
        activation=published["hidden_act"],
        scale=published["layer_scale_init_value"],
        epsilon=published["layer_norm_eps"],
    )


BLOCK = "encoder.stages.{s}.layers.{b}."
NAMES = Names(
    {
        "stem": "embeddings.patch_embeddings",
        "stem_norm": "embeddings.layernorm",
        "stage_{s}_downsample_norm": "encoder.stages.{s}.downsampling_layer.0",
        "stage_{s}_downsample": "encoder.stages.{s}.downsampling_layer.1",
        "stage_{s}_block_{b}_depthwise": BLOCK + "dwconv",
        "stage_{s}_block_{b}_norm": BLOCK + "layernorm",
        "stage_{s}_block_{b}_expand": BLOCK + "pwconv1",
        "stage_{s}_block_{b}_project": BLOCK + "pwconv2",
        "final_norm": "layernorm",
        "classifier": "classifier",
    },
    {"stage_{s}_block_{b}_scale/gamma": BLOCK + "layer_scale_parameter"},
    prefix="convnext.",
)

ARCHITECTURE = Architecture("convnext", ConvnextConfig, backbone, config_of, NAMES)
