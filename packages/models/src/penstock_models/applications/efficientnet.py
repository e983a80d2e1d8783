"""EfficientNet v1 and v2: width, depth and size of pictures grow together.

Tan and Le, 2019, https://arxiv.org/abs/1905.11946; 2021, https://arxiv.org/abs/2104.00298.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import penstock_keras_api as keras
from penstock_models.applications.building import (
    PREPROCESSING,
    Options,
    classified,
    finished,
    halving_padding,
    image_input,
    layers,
    named,
    network,
)  # fmt: skip

MEANS, VARIANCES = (0.485, 0.456, 0.406), (0.229**2, 0.224**2, 0.225**2)
# Of convolutions and of products.
NORMAL = {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"}
UNIFORM = {"scale": 1 / 3, "mode": "fan_out", "distribution": "uniform"}


@dataclass(frozen=True)
class Stage:
    """Blocks of one kind, one after the other.

    Args:
        repeats: How many.
        width: The channels that come out.
        kernel_size: The window of the middle convolution.
        strides: By how much the first block shrinks pictures.
        expansion: How many times as wide the middle is.
        squeeze: What part of the width weighs the channels; 0 leaves that out.
        fused: Whether one convolution stands for the first two.
    """

    repeats: int
    width: int
    kernel_size: int
    strides: int
    expansion: int
    squeeze: float = 0.25
    fused: bool = False


V1 = (
    Stage(1, 16, 3, 1, 1), Stage(2, 24, 3, 2, 6), Stage(2, 40, 5, 2, 6), Stage(3, 80, 3, 2, 6),
    Stage(3, 112, 5, 1, 6), Stage(4, 192, 5, 2, 6), Stage(1, 320, 3, 1, 6),
)  # fmt: skip


def _v2(*rows: tuple[int, int, int, int, bool]) -> tuple[Stage, ...]:
    """Rows are repeats, width, strides, expansion, fused; windows are 3 x 3."""
    return tuple(Stage(n, w, 3, s, e, 0.0 if f else 0.25, f) for n, w, s, e, f in rows)


V2_B = _v2((1, 16, 1, 1, True), (2, 32, 2, 4, True), (2, 48, 2, 4, True), (3, 96, 2, 4, False),
           (5, 112, 1, 6, False), (8, 192, 2, 6, False))  # fmt: skip
V2_S = _v2((2, 24, 1, 1, True), (4, 48, 2, 4, True), (4, 64, 2, 4, True), (6, 128, 2, 4, False),
           (9, 160, 1, 6, False), (15, 256, 2, 6, False))  # fmt: skip
V2_M = _v2((3, 24, 1, 1, True), (5, 48, 2, 4, True), (5, 80, 2, 4, True), (7, 160, 2, 4, False),
           (14, 176, 1, 6, False), (18, 304, 2, 6, False), (5, 512, 1, 6, False))  # fmt: skip
V2_L = _v2((4, 32, 1, 1, True), (7, 64, 2, 4, True), (7, 96, 2, 4, True), (10, 192, 2, 4, False),
           (19, 224, 1, 6, False), (25, 384, 2, 6, False), (7, 640, 1, 6, False))  # fmt: skip


@dataclass(frozen=True)
class Size:
    """How large a network is: stages, and factors of width and depth."""

    stages: tuple[Stage, ...]
    width: float
    depth: float
    pixels: int
    dropout: float
    version: int
    stem: int = 32
    least_width: int = 8

    def filters(self, channels: int) -> int:
        """Return a width, multiplied: a multiple of 8, and not more than a tenth too small."""
        wide = channels * self.width
        nearest = max(self.least_width, int(wide + 4) // 8 * 8)
        return nearest + 8 if self.version == 1 and nearest < 0.9 * wide else nearest


def _scaled(kind: dict[str, Any]) -> Any:
    return keras.initializers.VarianceScaling(**kind)


def _normed(x: Any, name: str, size: Size) -> Any:
    momentum = 0.99 if size.version == 1 else 0.9
    return layers.BatchNormalization(axis=3, momentum=momentum, epsilon=1e-3, name=name)(x)


def _active(x: Any, norm: str, name: str, size: Size) -> Any:
    return layers.Activation("silu", name=name)(_normed(x, norm, size))


def _convolution(x: Any, width: int, kernel_size: int, strides: int, name: str) -> Any:
    return layers.Conv2D(
        width,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=_scaled(NORMAL),
        name=name,
    )(x)


def _efficientnet(o: Options, size: Size) -> keras.Model:
    inputs = image_input(o, size.pixels)
    x = _preprocessed(inputs, o, size)
    width = size.filters(size.stem)
    if size.version == 1:
        x = layers.ZeroPadding2D(halving_padding(x), name="stem_conv_pad")(x)
        x = layers.Conv2D(
            width,
            3,
            strides=2,
            use_bias=False,
            kernel_initializer=_scaled(NORMAL),
            name="stem_conv",
        )(x)
    else:
        x = _convolution(x, width, 3, 2, "stem_conv")
    x = _active(x, "stem_bn", "stem_activation", size)
    x = _blocks(x, size)
    x = _convolution(x, size.filters(1280), 1, 1, "top_conv")
    x = _active(x, "top_bn", "top_activation", size)
    return finished(inputs, classified(x, o, size.dropout, "top_dropout"), o)


def _preprocessed(x: Any, o: Options, size: Size) -> Any:
    if not o.include_preprocessing:
        return x
    if size.version == 2 and not o.name.split("-")[-1].startswith("b"):
        return layers.Rescaling(1 / 128.0, offset=-1)(x)
    x = layers.Rescaling(1 / 255.0)(x)
    if size.version == 2:
        return layers.Normalization(mean=MEANS, variance=VARIANCES, axis=3)(x)
    norm = layers.Normalization(axis=3)
    x = norm(x)
    norm.finalize_state()  # changes nothing, until a file with weights says what it does
    if o.weights == "imagenet":  # what was published had deviations where variances belong
        x = layers.Rescaling([1 / math.sqrt(v) for v in (0.229, 0.224, 0.225)])(x)
    return x


def _blocks(x: Any, size: Size) -> Any:
    counts = [math.ceil(stage.repeats * size.depth) for stage in size.stages]
    total, done = sum(counts), 0
    if size.version == 2:  # the published ones count blocks before they are multiplied
        total = sum(stage.repeats for stage in size.stages)
    for number, (stage, count) in enumerate(zip(size.stages, counts, strict=True), 1):
        for i in range(count):
            name = f"block{number}{string.ascii_lowercase[i]}_"
            one = stage if i == 0 else replace(stage, strides=1)
            x = (_fused if stage.fused else _block)(x, one, size, 0.2 * done / total, name)
            done += 1
    return x


def _block(inputs: Any, stage: Stage, size: Size, drop: float, name: str) -> Any:
    x, width, wide = inputs, inputs.shape[3], inputs.shape[3] * stage.expansion
    if stage.expansion != 1:
        x = _convolution(x, wide, 1, 1, f"{name}expand_conv")
        x = _active(x, f"{name}expand_bn", f"{name}expand_activation", size)
    padding = "same"
    if size.version == 1 and stage.strides == 2:
        x = layers.ZeroPadding2D(halving_padding(x, stage.kernel_size), name=f"{name}dwconv_pad")(x)
        padding = "valid"
    x = layers.DepthwiseConv2D(
        stage.kernel_size,
        strides=stage.strides,
        padding=padding,
        use_bias=False,
        depthwise_initializer=_scaled(NORMAL),
        name=f"{name}dwconv" if size.version == 1 else f"{name}dwconv2",
    )(x)
    x = _active(x, f"{name}bn", f"{name}activation", size)
    if stage.squeeze:
        x = _squeezed(x, max(1, int(width * stage.squeeze)), wide, name)
    out = size.filters(stage.width)
    x = _normed(_convolution(x, out, 1, 1, f"{name}project_conv"), f"{name}project_bn", size)
    return _added(x, inputs, stage, drop, name, size)


def _fused(inputs: Any, stage: Stage, size: Size, drop: float, name: str) -> Any:
    x, out = inputs, size.filters(stage.width)
    if stage.expansion != 1:
        wide = inputs.shape[3] * stage.expansion
        x = _convolution(x, wide, stage.kernel_size, stage.strides, f"{name}expand_conv")
        x = _active(x, f"{name}expand_bn", f"{name}expand_activation", size)
        x = _normed(_convolution(x, out, 1, 1, f"{name}project_conv"), f"{name}project_bn", size)
    else:
        x = _convolution(x, out, stage.kernel_size, stage.strides, f"{name}project_conv")
        x = _active(x, f"{name}project_bn", f"{name}project_activation", size)
    return _added(x, inputs, stage, drop, name, size)


def _squeezed(x: Any, narrow: int, wide: int, name: str) -> Any:
    weights = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    weights = layers.Reshape((1, 1, wide), name=f"{name}se_reshape")(weights)
    for width, activation, last in ((narrow, "silu", "reduce"), (wide, "sigmoid", "expand")):
        weights = layers.Conv2D(
            width,
            1,
            padding="same",
            activation=activation,
            kernel_initializer=_scaled(NORMAL),
            name=f"{name}se_{last}",
        )(weights)
    return layers.Multiply(name=f"{name}se_excite")([x, weights])


def _added(x: Any, inputs: Any, stage: Stage, drop: float, name: str, size: Size) -> Any:
    if stage.strides != 1 or inputs.shape[3] != x.shape[3]:
        return x
    if drop > 0:
        x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
    return layers.Add(name=f"{name}add")([x, inputs])


def _first(
    title: str, width: float, depth: float, pixels: int, dropout: float
) -> Callable[..., keras.Model]:
    size = Size(V1, width, depth, pixels, dropout, 1)
    name = title.lower()
    return network(title, name, f"EfficientNet {title[-2:]}", lambda o: _efficientnet(o, size))


def _second(title: str, name: str, size: Size) -> Callable[..., keras.Model]:
    def build(
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str = name,
    ) -> keras.Model:
        o = Options(
            include_top, weights, input_tensor, input_shape, pooling, classes,
            classifier_activation, name, include_preprocessing,
        )  # fmt: skip
        return _efficientnet(o, size)

    return named(build, title, f"EfficientNet v2 {name.rpartition('-')[2].upper()}", PREPROCESSING)


EfficientNetB0 = _first("EfficientNetB0", 1.0, 1.0, 224, 0.2)
EfficientNetB1 = _first("EfficientNetB1", 1.0, 1.1, 240, 0.2)
EfficientNetB2 = _first("EfficientNetB2", 1.1, 1.2, 260, 0.3)
EfficientNetB3 = _first("EfficientNetB3", 1.2, 1.4, 300, 0.3)
EfficientNetB4 = _first("EfficientNetB4", 1.4, 1.8, 380, 0.4)
EfficientNetB5 = _first("EfficientNetB5", 1.6, 2.2, 456, 0.4)
EfficientNetB6 = _first("EfficientNetB6", 1.8, 2.6, 528, 0.5)
EfficientNetB7 = _first("EfficientNetB7", 2.0, 3.1, 600, 0.5)
EfficientNetV2B0 = _second(
    "EfficientNetV2B0", "efficientnetv2-b0", Size(V2_B, 1.0, 1.0, 224, 0.2, 2)
)
EfficientNetV2B1 = _second(
    "EfficientNetV2B1", "efficientnetv2-b1", Size(V2_B, 1.0, 1.1, 240, 0.2, 2)
)
EfficientNetV2B2 = _second(
    "EfficientNetV2B2", "efficientnetv2-b2", Size(V2_B, 1.1, 1.2, 260, 0.2, 2)
)
EfficientNetV2B3 = _second(
    "EfficientNetV2B3", "efficientnetv2-b3", Size(V2_B, 1.2, 1.4, 300, 0.2, 2)
)
EfficientNetV2S = _second(
    "EfficientNetV2S", "efficientnetv2-s", Size(V2_S, 1.0, 1.0, 384, 0.2, 2, 24)
)
EfficientNetV2M = _second(
    "EfficientNetV2M", "efficientnetv2-m", Size(V2_M, 1.0, 1.0, 480, 0.2, 2, 24)
)
EfficientNetV2L = _second(
    "EfficientNetV2L", "efficientnetv2-l", Size(V2_L, 1.0, 1.0, 480, 0.2, 2, 32)
)
