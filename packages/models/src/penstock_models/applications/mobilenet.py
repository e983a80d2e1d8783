"""MobileNet v1 and v2 as Keras publishes them; `penstock_models.architectures` has them as others do.

Howard et al., 2017, https://arxiv.org/abs/1704.04861; Sandler et al., 2018, https://arxiv.org/abs/1801.04381.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.applications.building import (
    Options,
    finished,
    halving_padding,
    image_input,
    layers,
    named,
    pooled,
)  # fmt: skip
from penstock_models.architectures.mobilenet_v1 import PAIRS
from penstock_models.architectures.mobilenet_v2 import BLOCKS
from penstock_models.layers.convolution import divisible

MORE = """
        alpha: What numbers of channels are multiplied by."""


def _size(o: Options) -> Any:
    rows = None if o.input_shape is None else o.input_shape[0]
    return rows if rows in (128, 160, 192) else 224


def _relu6(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=name)(x)


def _mobilenet(o: Options, alpha: float, depth_multiplier: int, dropout: float) -> keras.Model:
    inputs = image_input(o, _size(o))
    x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(
        inputs
    )
    x = _relu6(layers.BatchNormalization(name="conv1_bn")(x), "conv1_relu")
    for i, (width, strides) in enumerate(PAIRS, 1):
        if strides == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        x = layers.DepthwiseConv2D(
            3,
            strides=strides,
            padding="same" if strides == 1 else "valid",
            depth_multiplier=depth_multiplier,
            use_bias=False,
            name=f"conv_dw_{i}",
        )(x)
        x = _relu6(layers.BatchNormalization(name=f"conv_dw_{i}_bn")(x), f"conv_dw_{i}_relu")
        x = layers.Conv2D(
            int(width * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{i}"
        )(x)
        x = _relu6(layers.BatchNormalization(name=f"conv_pw_{i}_bn")(x), f"conv_pw_{i}_relu")
    if not o.include_top:
        return finished(inputs, pooled(x, o), o)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(o.classes, 1, padding="same", name="conv_preds")(x)
    x = layers.Reshape((o.classes,), name="reshape_2")(x)
    x = layers.Activation(o.classifier_activation, name="predictions")(x)
    return finished(inputs, x, o)


def _mobilenet_v2(o: Options, alpha: float) -> keras.Model:
    inputs = image_input(o, _size(o))
    x = layers.Conv2D(
        divisible(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1"
    )(inputs)
    x = _relu6(_norm(x, "bn_Conv1"), "Conv1_relu")
    x = _inverted(x, divisible(16 * alpha), 1, 1, "expanded_conv_")
    for i, (width, strides) in enumerate(BLOCKS, 1):
        x = _inverted(x, divisible(int(width * alpha)), strides, 6, f"block_{i}_")
    last = divisible(1280 * alpha) if alpha > 1 else 1280
    x = layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
    x = _relu6(_norm(x, "Conv_1_bn"), "out_relu")
    if o.include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(o.classes, activation=o.classifier_activation, name="predictions")(x)
    else:
        x = pooled(x, o)
    return finished(inputs, x, o)


def _norm(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=1e-3, momentum=0.999, name=name)(x)


def _inverted(inputs: Any, width: int, strides: int, expansion: int, name: str) -> Any:
    x = inputs
    if expansion > 1:
        wide = expansion * x.shape[-1]
        x = layers.Conv2D(wide, 1, padding="same", use_bias=False, name=f"{name}expand")(x)
        x = _relu6(_norm(x, f"{name}expand_BN"), f"{name}expand_relu")
    if strides == 2:
        x = layers.ZeroPadding2D(halving_padding(x), name=f"{name}pad")(x)
    x = layers.DepthwiseConv2D(
        3,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        name=f"{name}depthwise",
    )(x)
    x = _relu6(_norm(x, f"{name}depthwise_BN"), f"{name}depthwise_relu")
    x = layers.Conv2D(width, 1, padding="same", use_bias=False, name=f"{name}project")(x)
    x = _norm(x, f"{name}project_BN")
    if strides == 1 and inputs.shape[-1] == width:
        x = layers.Add(name=f"{name}add")([inputs, x])
    return x


def _build_v1(
    input_shape: Any = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 0.001,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> keras.Model:
    rows = 224 if input_shape is None else input_shape[0]
    o = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes,
        classifier_activation, name or f"mobilenet_{alpha:.2f}_{rows}",
    )  # fmt: skip
    return _mobilenet(o, alpha, depth_multiplier, dropout)


def _build_v2(
    input_shape: Any = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> keras.Model:
    rows = 224 if input_shape is None else input_shape[0]
    o = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes,
        classifier_activation, name or f"mobilenetv2_{alpha:.2f}_{rows}",
    )  # fmt: skip
    return _mobilenet_v2(o, alpha)


DEPTH = """
        depth_multiplier: How many channels each channel's own window makes.
        dropout: The probability with which a number before the head is left out while training."""
MobileNet = named(_build_v1, "MobileNet", "MobileNet", MORE + DEPTH)
MobileNetV2 = named(_build_v2, "MobileNetV2", "MobileNet v2", MORE)
