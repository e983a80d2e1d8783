"""A network that reads a style off a picture: a code of a hundred numbers, for a network that paints.

Ghiasi et al., 2017, "Exploring the structure of a real-time, arbitrary neural artistic stylization network",
https://arxiv.org/abs/1705.06830, on MobileNet v2.
"""

from __future__ import annotations

import penstock_keras_api as keras
from penstock_models.architectures import mobilenet_v2
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.weights import OWN_NAMES


class StylePredictorConfig(Config):
    """Sizes of a network that reads styles."""

    code_width: int = 100
    width_multiplier: float = 1.0
    folded: bool = False


def backbone(config: StylePredictorConfig) -> keras.Model:
    """Return the network: pictures of styles [batch, height, width, 3] to codes.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "style" [batch, code_width], and MobileNet's "features" and "pooled".

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(StylePredictorConfig(width_multiplier=0.35)).output["style"].shape
    (None, 100)
    """
    trunk = mobilenet_v2.backbone(
        mobilenet_v2.MobilenetV2Config(
            width_multiplier=config.width_multiplier, folded=config.folded
        )
    )
    style = keras.layers.Dense(config.code_width, name="style")(trunk.output["pooled"])
    return keras.Model(trunk.input, {**trunk.output, "style": style}, name="style_predictor")


ARCHITECTURE = Architecture(
    "style_predictor", StylePredictorConfig, backbone, StylePredictorConfig.of, OWN_NAMES
)
