"""Networks of `keras.applications` as backbones: Inception v3, MobileNet v3, EfficientNet, ResNet v2 and others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, create_model

import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models import applications
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.weights import OWN_NAMES

# The smallest network of each family, by the family's name.
FAMILIES: Mapping[str, str] = {
    "densenet": "DenseNet121",
    "efficientnet": "EfficientNetB0",
    "efficientnet_v2": "EfficientNetV2B0",
    "inception_resnet_v2": "InceptionResNetV2",
    "inception_v3": "InceptionV3",
    "mobilenet_v3": "MobileNetV3Small",
    "resnet_v1": "ResNet50",
    "resnet_v2": "ResNet50V2",
    "vgg": "VGG16",
    "xception": "Xception",
}


class NetworkConfig(Config):
    """Which network it is, and what else its builder in `keras.applications` takes."""

    builder: str
    image_size: tuple[int, int] | None = None
    num_channels: int = 3
    arguments: dict[str, Any] = Field(default_factory=dict)


def backbone(config: NetworkConfig) -> keras.Model:
    """Return the network without its head: images [batch, height, width, channels] to features and pooled.

    Args:
        config: The builder's name, and its arguments.

    Returns:
        A model with the outputs "features" [batch, height, width, width], and "pooled", their mean.

    Raises:
        ValueError: There is no such network, or its arguments are wrong.

    >>> backbone(NetworkConfig(builder="MobileNetV3Small")).output["pooled"].shape
    (None, 576)
    """
    if config.builder not in applications.__all__:
        raise InvalidValueError(
            f"[keras_networks] got builder={config.builder!r}; there are: {', '.join(applications.__all__)}"
        )
    height, width = config.image_size or (None, None)
    build = getattr(applications, config.builder)
    network = build(
        include_top=False,
        weights=None,
        input_shape=(height, width, config.num_channels),
        **config.arguments,
    )
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(network.output)
    outputs = {"features": network.output, "pooled": pooled}
    return keras.Model(network.input, outputs, name=network.name)


def of_family(name: str) -> Architecture:
    """Return the architecture of a family of networks, whose default is its smallest.

    Args:
        name: A name of `FAMILIES`.

    Raises:
        KeyError: There is no such family.

    >>> of_family("inception_v3").config().builder
    'InceptionV3'
    """
    config = create_model("NetworkConfig", __base__=NetworkConfig, builder=(str, FAMILIES[name]))
    return Architecture(name, config, backbone, config.of, OWN_NAMES)
