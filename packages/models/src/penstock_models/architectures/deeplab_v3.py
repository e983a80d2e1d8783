"""DeepLab v3: a class for each pixel, by windows that are widened instead of moved, and the mean of the whole picture.

Chen et al., 2017, https://arxiv.org/abs/1706.05587, on MobileNet v2 as in Sandler et al., 2018,
https://arxiv.org/abs/1801.04381.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures import mobilenet_v2
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers.convolution import convolution
from penstock_models.layers.corner_resize import CornerResize
from penstock_models.weights import Names

layers = keras.layers


class DeeplabV3Config(Config):
    """Sizes of a DeepLab v3; the defaults are those of the one on MobileNet v2 for PASCAL VOC."""

    image_size: tuple[int, int] = (513, 513)
    num_classes: int = 21
    width_multiplier: float = 1.0
    output_stride: int = 16
    # Channels of each of the parts that look at the features, and how far apart the windows of further parts are.
    aspp_width: int = 256
    aspp_rates: tuple[int, ...] = ()
    folded: bool = False


def backbone(config: DeeplabV3Config) -> keras.Model:
    """Return the network: images [batch, height, width, 3] to features and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height / 16, width / 16, aspp_width], and "pooled", their mean.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(DeeplabV3Config(image_size=(65, 65), width_multiplier=0.5)).output["features"].shape
    (None, 5, 5, 256)
    """
    images = keras.Input((*config.image_size, 3), name="images")
    trunk = mobilenet_v2.MobilenetV2Config(
        width_multiplier=config.width_multiplier, folded=config.folded
    )
    x = mobilenet_v2.trunk(images, trunk, config.output_stride)
    size = tuple(x.shape[1:3])
    shared: dict[str, Any] = {"epsilon": 1e-5, "padding": "same", "folded": config.folded}

    def part(y: Any, kernel_size: int, name: str, rate: int = 1) -> Any:
        y = convolution(y, config.aspp_width, kernel_size, name, dilation=rate, **shared)
        return CornerResize(size, name=f"{name}_resize")(y)

    mean = layers.GlobalAveragePooling2D(keepdims=True, name="image_mean")(x)
    parts = [part(x, 1, "aspp_0")]
    parts += [part(x, 3, f"aspp_{i}", rate) for i, rate in enumerate(config.aspp_rates, 1)]
    # A step more than the mean has puts these layers before it, in the order in which files have them.
    parts = [layers.Identity(name=f"aspp_{i}_same")(y) for i, y in enumerate(parts)]
    parts.insert(0, part(mean, 1, "image_pooling"))
    x = layers.Concatenate(name="aspp")(parts)
    x = convolution(x, config.aspp_width, 1, "aspp_projection", **shared)
    x = layers.Dropout(0.1, name="aspp_dropout")(x)
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, {"features": x, "pooled": pooled}, name="deeplab_v3")


def segmenting(model: keras.Model, config: DeeplabV3Config) -> keras.Model:
    """Return the network with its own head: a score for each class and pixel.

    Args:
        model: What `backbone` returned.
        config: Says how many classes there are.

    Returns:
        A model with the output "logits" [batch, height, width, num_classes].

    Raises:
        ValueError: There is no class.

    >>> config = DeeplabV3Config(image_size=(33, 33), width_multiplier=0.5, num_classes=2)
    >>> segmenting(backbone(config), config).output["logits"].shape
    (None, 33, 33, 2)
    """
    x = layers.Conv2D(config.num_classes, 1, name="semantic")(model.output["features"])
    logits = CornerResize(config.image_size, name="logits")(x)
    return keras.Model(model.input, {"logits": logits}, name="deeplab_v3")


HEAD = "segmentation_head"
NAMES = Names(
    {
        **mobilenet_v2.NAMES.layers,
        "image_pooling": f"{HEAD}.conv_pool.convolution",
        "image_pooling_norm": f"{HEAD}.conv_pool.normalization",
        "aspp_0": f"{HEAD}.conv_aspp.convolution",
        "aspp_0_norm": f"{HEAD}.conv_aspp.normalization",
        "aspp_projection": f"{HEAD}.conv_projection.convolution",
        "aspp_projection_norm": f"{HEAD}.conv_projection.normalization",
        "semantic": f"{HEAD}.classifier.convolution",
    },
    prefix="mobilenet_v2.",
    ignore=r"num_batches_tracked$|conv_1x1\.",
)

ARCHITECTURE = Architecture(
    "deeplab_v3", DeeplabV3Config, backbone, DeeplabV3Config.of, NAMES, {"pixels": segmenting}
)
