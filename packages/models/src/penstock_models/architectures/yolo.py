"""YOLO as darknet's .cfg files describe it, with outputs as all detectors here have them.

Redmon and Farhadi, 2018, "YOLOv3", https://arxiv.org/abs/1804.02767; Bochkovskiy et al., 2020, "YOLOv4",
https://arxiv.org/abs/2004.10934, for `scale_x_y`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import FormatError
from penstock_models.architectures.architecture import Architecture
from penstock_models.architectures.box_coding import CENTRE_SCALE, SIZE_SCALE
from penstock_models.architectures.detector import DetectorConfig
from penstock_models.weights.names import Names

EPSILON, MOMENTUM, SLOPE = 1e-5, 0.9, 0.1


class YoloConfig(DetectorConfig):
    """A network of darknet.

    Args:
        layers: Of each section of the .cfg file but the first: its kind, and its options. Those for training alone, such
            as dropout, do nothing here.
    """

    architecture: ClassVar[str] = "yolo"
    num_classes: int = 80
    size: tuple[int, int] = (320, 320)
    layers: tuple[tuple[str, dict[str, str]], ...] = ()

    @property
    def heads(self) -> list[Mapping[str, str]]:
        """The options of the sections that tell boxes."""
        return [options for kind, options in self.layers if kind == "yolo"]

    @property
    def num_maps(self) -> int:
        """How many maps have heads."""
        return len(self.heads)

    def num_anchors(self, place: int) -> int:
        """Return how many anchors each point of a map has; `place` is the map's number."""
        return len(anchor_sizes(self.heads[place]))


def anchor_sizes(head: Mapping[str, str]) -> np.ndarray[Any, Any]:
    """Return the anchors of a [yolo] section: float32 [anchors, 2], width and height in pixels."""
    pairs = np.array([float(x) for x in head["anchors"].split(",")], np.float32).reshape(-1, 2)
    return pairs[[int(x) for x in head["mask"].split(",")]]


def stretch(head: Mapping[str, str]) -> float:
    """Return how far middles may leave their cell, as a multiple of the cell."""
    return float(head.get("scale_x_y", 1.0))


class CellOffsets(keras.layers.Layer):
    """Turn what a YOLO head tells of boxes into offsets from anchors in the middle of cells.

    With t the told numbers, s the sigmoid, a cell of size c, an anchor of size p and a stretch z, the middle is
    z·(s(t₀) - ½)·c away from the cell's, and the width is p·exp(t₂).

    Args:
        anchors: [anchors, 2]: width and height in parts of the picture.
        cells: How many columns and rows there are.
        stretch: z.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: Never here.
    """

    def __init__(self, anchors: Any, cells: tuple[int, int], stretch: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.anchors = np.asarray(anchors, np.float32)
        self.scale = CENTRE_SCALE * stretch / (np.asarray(cells, np.float32) * self.anchors)
        self.built = True

    def call(self, told: Any) -> Any:
        """Return [batch, rows · columns · anchors, 4] for the head's output [batch, rows, columns, anchors · 4]."""
        x = ps.reshape(told, (told.shape[0], -1, len(self.anchors), 4))
        moved = (ps.sigmoid(x[..., :2]) - 0.5) * self.scale
        made = ps.concat([moved, x[..., 2:] * SIZE_SCALE], axis=-1)
        return ps.reshape(made, (told.shape[0], -1, 4))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return (input_shape[0], input_shape[1] * input_shape[2] * len(self.anchors), 4)


class JointLogit(keras.layers.Layer):
    """Return the logit of s(a)·s(b): that there is something, and that it is of a class.

    Args:
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: Never here.

    >>> import numpy as np
    >>> both = JointLogit()([np.zeros((1, 1, 1), "float32"), np.zeros((1, 1, 2), "float32")])
    >>> ps.sigmoid(both).tolist()
    [[[0.25, 0.25]]]
    """

    def call(self, inputs: Any) -> Any:
        """Return [batch, n, classes], for [batch, n, 1] and [batch, n, classes]."""
        there, kind = inputs
        # p / (1 - p) with p = 1 / ((1 + e⁻ᵃ)(1 + e⁻ᵇ)): its inverse is e⁻ᵃ + e⁻ᵇ + e⁻ᵃ⁻ᵇ.
        parts = ps.concat(
            [
                ps.expand_dims(-there + 0.0 * kind, -1),
                ps.expand_dims(-kind, -1),
                ps.expand_dims(-there - kind, -1),
            ],
            axis=-1,
        )
        return -ps.logsumexp(parts, axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return input_shape[1]


def backbone(config: YoloConfig) -> keras.Model:
    """Return the network: scaled pictures to offsets and logits of every anchor, as `ssd_mobilenet_v1.backbone`.

    Args:
        config: The layers.

    Returns:
        A model with the outputs "boxes" [batch, anchors, 4] and "logits" [batch, anchors, classes].

    Raises:
        FormatError: A layer is not known, or there is no [yolo] layer.
    """
    made = _Builder(config).build()
    if not made[0]:
        raise FormatError("[yolo] there is no [yolo] layer; give a detector's .cfg file")
    boxes, logits = (
        keras.layers.Concatenate(axis=1, name=n)(p) if len(p) > 1 else p[0]
        for n, p in zip(("boxes", "logits"), made[:2], strict=True)
    )
    return keras.Model(made[2], {"boxes": boxes, "logits": logits}, name="yolo")


class _Builder:
    def __init__(self, config: YoloConfig) -> None:
        self.config = config
        self.images = keras.Input((*config.size, 3), name="images")
        self.results: list[Any] = []
        self.boxes: list[Any] = []
        self.logits: list[Any] = []
        self._convolutions = 0

    def build(self) -> tuple[list[Any], list[Any], Any]:
        """Build all layers; returns what heads tell of boxes and of classes, and the input."""
        kinds: dict[str, Callable[[Any, Mapping[str, str]], Any]] = {
            "convolutional": self._convolution,
            "maxpool": self._pool,
            "route": self._route,
            "shortcut": self._shortcut,
            "upsample": lambda x, o: keras.layers.UpSampling2D(int(o.get("stride", 2)))(x),
            "dropout": lambda x, o: x,
        }
        x: Any = self.images
        for number, (kind, options) in enumerate(self.config.layers):
            following = self.config.layers[number + 1 : number + 2]
            if kind == "yolo":
                x = self._head(self.results[number - 2], options)
            elif following and following[0][0] == "yolo":
                pass  # the convolution that tells everything is three of them here
            elif kind in kinds:
                x = kinds[kind](x, options)
            else:
                raise FormatError(
                    f"[yolo] there is a [{kind}] layer, which cannot be trained here; there may be "
                    f"{', '.join(sorted(kinds))} and yolo"
                )
            self.results.append(x)
        return self.boxes, self.logits, self.images

    def _convolution(self, x: Any, options: Mapping[str, str]) -> Any:
        name = f"conv_{self._convolutions}"
        self._convolutions += 1
        filters, size, strides, groups = (
            int(options.get(n, 1)) for n in ("filters", "size", "stride", "groups")
        )
        pad = size // 2 if int(options.get("pad", 0)) else int(options.get("padding", 0))
        if pad:
            x = keras.layers.ZeroPadding2D(pad)(x)
        has_norm = bool(int(options.get("batch_normalize", 0)))
        if groups == x.shape[-1] == filters:
            layer: Any = keras.layers.DepthwiseConv2D(
                size, strides=strides, use_bias=not has_norm, name=name
            )
        else:
            layer = keras.layers.Conv2D(
                filters, size, strides=strides, groups=groups, use_bias=not has_norm, name=name
            )
        x = layer(x)
        if has_norm:
            x = keras.layers.BatchNormalization(
                epsilon=EPSILON, momentum=MOMENTUM, name=f"{name}_norm"
            )(x)
        return _activated(x, options.get("activation", "logistic"))

    def _pool(self, x: Any, options: Mapping[str, str]) -> Any:
        strides = int(options.get("stride", 1))
        size = int(options.get("size", strides))
        if strides != 1:
            raise FormatError(
                f"[yolo] a [maxpool] layer has stride={strides}; only those with stride=1 can be trained here"
            )
        return keras.layers.MaxPooling2D(size, strides=1, padding="same")(x)

    def _earlier(self, text: str) -> list[Any]:
        numbers = [int(part) for part in text.split(",")]
        return [self.results[n if n >= 0 else len(self.results) + n] for n in numbers]

    def _route(self, x: Any, options: Mapping[str, str]) -> Any:
        if int(options.get("groups", 1)) != 1:
            raise FormatError(
                "[yolo] a [route] layer takes a group of channels; only whole layers can be trained here"
            )
        parts = self._earlier(options["layers"])
        return parts[0] if len(parts) == 1 else keras.layers.Concatenate(axis=-1)(parts)

    def _shortcut(self, x: Any, options: Mapping[str, str]) -> Any:
        added = keras.layers.Add()([x, *self._earlier(options["from"])])
        return _activated(added, options.get("activation", "linear"))

    def _head(self, x: Any, options: Mapping[str, str]) -> Any:
        place, pixels = len(self.boxes), anchor_sizes(options)
        rows, columns = (int(side) for side in x.shape[1:3])
        sizes = pixels / np.array(self.config.size[::-1], np.float32)
        count, classes = len(sizes), self.config.num_classes
        told = keras.layers.Conv2D(count * 4, 1, name=f"box_{place}")(x)
        offsets = CellOffsets(sizes, (columns, rows), stretch(options), name=f"box_{place}_offsets")
        there = keras.layers.Conv2D(count, 1, name=f"object_{place}")(x)
        kinds = keras.layers.Conv2D(count * classes, 1, name=f"class_{place}")(x)
        there = keras.layers.Reshape((-1, 1), name=f"object_{place}_rows")(there)
        kinds = keras.layers.Reshape((-1, classes), name=f"class_{place}_rows")(kinds)
        self.boxes.append(offsets(told))
        self.logits.append(JointLogit(name=f"class_{place}_logits")([there, kinds]))
        return x


def _activated(x: Any, name: str) -> Any:
    if name == "linear":
        return x
    if name == "leaky":
        return keras.layers.LeakyReLU(negative_slope=SLOPE)(x)
    known = {
        "logistic": "sigmoid",
        "relu": "relu",
        "relu6": "relu6",
        "mish": "mish",
        "swish": "silu",
        "tanh": "tanh",
    }
    if name not in known:
        raise FormatError(
            f"[yolo] there is activation={name}; there may be leaky, linear, {', '.join(known)}"
        )
    return keras.layers.Activation(known[name])(x)


def config_of(published: dict[str, Any]) -> YoloConfig:
    """Return the sizes in a configuration with our names."""
    return YoloConfig.of(published)


ARCHITECTURE = Architecture("yolo", YoloConfig, backbone, config_of, Names({}))
