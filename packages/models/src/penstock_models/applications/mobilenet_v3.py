"""MobileNet v3: blocks that a search chose, with hard activations.

Howard et al., 2019, https://arxiv.org/abs/1905.02244.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import penstock_keras_api as keras
from penstock_models.applications.building import (
    PREPROCESSING,
    Options,
    finished,
    halving_padding,
    image_input,
    layers,
    named,
    pooled,
)  # fmt: skip
from penstock_models.layers.convolution import divisible

# Of each block: expansion, width, window, strides, whether channels are weighed, whether the activation is hard swish.
SMALL = (
    (1, 16, 3, 2, True, False), (72 / 16, 24, 3, 2, False, False), (88 / 24, 24, 3, 1, False, False),
    (4, 40, 5, 2, True, True), (6, 40, 5, 1, True, True), (6, 40, 5, 1, True, True),
    (3, 48, 5, 1, True, True), (3, 48, 5, 1, True, True), (6, 96, 5, 2, True, True),
    (6, 96, 5, 1, True, True), (6, 96, 5, 1, True, True),
)  # fmt: skip
LARGE = (
    (1, 16, 3, 1, False, False), (4, 24, 3, 2, False, False), (3, 24, 3, 1, False, False),
    (3, 40, 5, 2, True, False), (3, 40, 5, 1, True, False), (3, 40, 5, 1, True, False),
    (6, 80, 3, 2, False, True), (2.5, 80, 3, 1, False, True), (2.3, 80, 3, 1, False, True),
    (2.3, 80, 3, 1, False, True), (6, 112, 3, 1, True, True), (6, 112, 3, 1, True, True),
    (6, 160, 5, 2, True, True), (6, 160, 5, 1, True, True), (6, 160, 5, 1, True, True),
)  # fmt: skip
MORE = """
        alpha: What numbers of channels are multiplied by.
        minimalistic: Whether hard activations, large windows and weighed channels are left out.
        dropout_rate: The probability with which a number before the head is left out while training."""


def _norm(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=1e-3, momentum=0.999, name=name)(x)


def _activation(hard: bool) -> Any:
    """Return a new layer; hard swish is x · min(max(x + 3, 0), 6) / 6."""
    return layers.Activation("hard_silu") if hard else layers.ReLU()


def _mobilenet_v3(
    o: Options,
    blocks: Sequence[tuple[float, int, int, int, bool, bool]],
    alpha: float,
    minimalistic: bool,
    last: int,
    dropout: float,
) -> keras.Model:
    inputs = x = image_input(o, 224, fixed=False)
    if o.include_preprocessing:
        x = layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    hard = not minimalistic
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = _activation(hard)(_norm(x, "conv_bn"))
    for i, (expansion, width, size, strides, weighed, swish) in enumerate(blocks):
        x = _block(
            x,
            expansion,
            divisible(width * alpha),
            3 if minimalistic else size,
            strides,
            weighed and hard,
            swish and hard,
            i,
        )
    x = layers.Conv2D(divisible(x.shape[-1] * 6), 1, padding="same", use_bias=False, name="conv_1")(
        x
    )
    x = _activation(hard)(_norm(x, "conv_1_bn"))
    if not o.include_top:
        return finished(inputs, pooled(x, o), o)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    wide = divisible(last * alpha) if alpha > 1 else last
    x = _activation(hard)(layers.Conv2D(wide, 1, padding="same", name="conv_2")(x))
    if dropout > 0:
        x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(o.classes, 1, padding="same", name="logits")(x)
    x = layers.Activation(o.classifier_activation, name="predictions")(layers.Flatten()(x))
    return finished(inputs, x, o)


def _block(
    inputs: Any,
    expansion: float,
    width: int,
    size: int,
    strides: int,
    weighed: bool,
    swish: bool,
    number: int,
) -> Any:
    x, wide = inputs, divisible(inputs.shape[-1] * expansion)
    prefix = f"expanded_conv_{number}_" if number else "expanded_conv_"
    if number:
        x = layers.Conv2D(wide, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = _activation(swish)(_norm(x, f"{prefix}expand_bn"))
    if strides == 2:
        x = layers.ZeroPadding2D(halving_padding(x, size), name=f"{prefix}depthwise_pad")(x)
    x = layers.DepthwiseConv2D(
        size,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        name=f"{prefix}depthwise",
    )(x)
    x = _activation(swish)(_norm(x, f"{prefix}depthwise_bn"))
    if weighed:
        x = _weighed(x, wide, prefix)
    x = layers.Conv2D(width, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = _norm(x, f"{prefix}project_bn")
    if strides == 1 and inputs.shape[-1] == width:
        x = layers.Add(name=f"{prefix}add")([inputs, x])
    return x


def _weighed(x: Any, width: int, prefix: str) -> Any:
    name = f"{prefix}squeeze_excite_"
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}avg_pool")(x)
    weights = layers.Conv2D(divisible(width * 0.25), 1, padding="same", name=f"{name}conv")(weights)
    weights = layers.ReLU(name=f"{name}relu")(weights)
    weights = layers.Conv2D(width, 1, padding="same", name=f"{name}conv_1")(weights)
    weights = layers.ReLU(6.0)(weights + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{name}mul")([x, weights])


def _builder(
    kind: str, blocks: Sequence[tuple[float, int, int, int, bool, bool]], last: int
) -> Callable[..., keras.Model]:
    def build(
        input_shape: Any = None,
        alpha: float = 1.0,
        minimalistic: bool = False,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        classes: int = 1000,
        pooling: str | None = None,
        dropout_rate: float = 0.2,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str = f"MobileNetV3{kind}",
    ) -> keras.Model:
        o = Options(
            include_top, weights, input_tensor, input_shape, pooling, classes,
            classifier_activation, name, include_preprocessing,
        )  # fmt: skip
        return _mobilenet_v3(o, blocks, alpha, minimalistic, last, dropout_rate)

    return named(build, f"MobileNetV3{kind}", f"MobileNet v3, {kind.lower()}", MORE + PREPROCESSING)


MobileNetV3Small = _builder("Small", SMALL, 1024)
MobileNetV3Large = _builder("Large", LARGE, 1280)
