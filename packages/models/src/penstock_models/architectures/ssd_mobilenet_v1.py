"""SSD on MobileNet: boxes and kinds, told by small heads on maps of several sizes.

Liu et al., 2015, https://arxiv.org/abs/1512.02325; Howard et al., 2017, https://arxiv.org/abs/1704.04861.
"""

from __future__ import annotations

from typing import Any, ClassVar

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.architectures.detector import DetectorConfig
from penstock_models.architectures.mobilenet_v1 import PAIRS, MobilenetV1Config, trunk
from penstock_models.layers.convolution import convolution
from penstock_models.weights.names import Names


class SsdMobilenetV1Config(DetectorConfig):
    """Sizes of the detector; the defaults are those that were published for COCO.

    Args:
        num_classes: How many kinds of things it knows; background is what scores low for all of them.
        size: Height and width of the pictures.
        width_multiplier: What all numbers of channels are multiplied by.
        pairs: Channels, before the multiplier, and strides of the trunk's pairs of convolutions.
        taps: After which pairs of the trunk a map is taken; the last of them ends it.
        extras: Of each further map: the channels of the product before it, and its own, before the multiplier.
        least_scale: The side of the smallest map's anchors, as a part of the picture's.
        most_scale: That of the largest.
        aspects: Widths over heights of the anchors, beside one between this map's scale and the next's.
        small_first: Whether the first map has three anchors, one of them a tenth of the picture.
        folded: Whether norms are in the convolutions' weights.
        epsilon: Of the norms.
        momentum: Of the norms' running averages; trainings of few steps need one that forgets fast.
        pixel_scale: What pixels from 0 to 255 are multiplied by, before 1 is taken away.
    """

    architecture: ClassVar[str] = "ssd_mobilenet_v1"
    num_classes: int = 90
    size: tuple[int, int] = (300, 300)
    width_multiplier: float = 1.0
    pairs: tuple[tuple[int, int], ...] = PAIRS
    taps: tuple[int, ...] = (10, 12)
    extras: tuple[tuple[int, int], ...] = ((256, 512), (128, 256), (128, 256), (64, 128))
    least_scale: float = 0.2
    most_scale: float = 0.95
    aspects: tuple[float, ...] = (1.0, 2.0, 0.5, 3.0, 1.0 / 3.0)
    small_first: bool = True
    folded: bool = False
    epsilon: float = 1e-3
    momentum: float = 0.9
    pixel_scale: float = 1.0 / 127.5

    @property
    def num_maps(self) -> int:
        """How many maps have heads."""
        return len(self.taps) + len(self.extras)

    def num_anchors(self, place: int) -> int:
        """Return how many anchors each point of a map has.

        Args:
            place: The map's number.
        """
        return 3 if self.small_first and place == 0 else len(self.aspects) + 1


def maps(images: Any, config: SsdMobilenetV1Config) -> list[Any]:
    """Return the maps that heads look at, the finest first.

    Args:
        images: [batch, height, width, 3], from -1 to 1.
        config: The sizes.

    Returns:
        Tensors [batch, height, width, channels], each half as high and wide as the one before.

    Raises:
        ValueError: Sizes do not fit together.
    """
    plain = MobilenetV1Config(
        width_multiplier=config.width_multiplier,
        folded=config.folded,
        epsilon=config.epsilon,
        momentum=config.momentum,
    )
    made = trunk(images, plain, config.pairs[: config.taps[-1] + 1])
    found = [made[tap] for tap in config.taps]
    shared: dict[str, Any] = {
        "activation": "relu6", "epsilon": config.epsilon,
        "momentum": config.momentum, "padding": "same", "folded": config.folded,
    }  # fmt: skip
    for i, (before, after) in enumerate(config.extras):
        narrow, wide = (int(n * config.width_multiplier) for n in (before, after))
        x = convolution(found[-1], narrow, 1, f"extra_{2 * i}", **shared)
        found.append(convolution(x, wide, 3, f"extra_{2 * i + 1}", strides=2, **shared))
    return found


def backbone(config: SsdMobilenetV1Config) -> keras.Model:
    """Return the network: pixels from 0 to 255 [batch, height, width, 3] to offsets and logits of every anchor.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "boxes" [batch, anchors, 4], how far and how much larger the thing is than the anchor,
        as `box_coding.encode` has it, and "logits" [batch, anchors, classes], for a sigmoid.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(SsdMobilenetV1Config(width_multiplier=0.25)).output["logits"].shape
    (None, 1917, 90)
    """
    images = keras.Input((*config.size, 3), name="images")
    scaled = keras.layers.Rescaling(config.pixel_scale, -1.0, name="scaled")(images)
    boxes, logits = [], []
    for i, x in enumerate(maps(scaled, config)):
        anchors = config.num_anchors(i)
        boxes.append(_head(x, anchors, 4, f"box_{i}"))
        logits.append(_head(x, anchors, config.num_classes, f"class_{i}"))
    made = {
        "boxes": keras.layers.Concatenate(axis=1, name="boxes")(boxes),
        "logits": keras.layers.Concatenate(axis=1, name="logits")(logits),
    }
    return keras.Model(images, made, name="ssd_mobilenet_v1")


def _head(x: Any, anchors: int, numbers: int, name: str) -> Any:
    told = keras.layers.Conv2D(anchors * numbers, 1, name=name)(x)
    return keras.layers.Reshape((-1, numbers), name=f"{name}_rows")(told)


def weighted_layers(config: SsdMobilenetV1Config) -> list[str]:
    """Return the names of the layers with weights, in the order in which published files have them."""
    trunk_names = [f"conv_{i}" for i in range(2 * (config.taps[-1] + 1))]
    extras = [f"extra_{i}" for i in range(2 * len(config.extras))]
    heads = [f"{kind}_{i}" for i in range(config.num_maps) for kind in ("box", "class")]
    return ["stem", *trunk_names, *extras, *heads]


def config_of(published: dict[str, Any]) -> SsdMobilenetV1Config:
    """Return the sizes in a published configuration, which has our names."""
    return SsdMobilenetV1Config.of(published)


ARCHITECTURE = Architecture(
    "ssd_mobilenet_v1", SsdMobilenetV1Config, backbone, config_of, Names({})
)
