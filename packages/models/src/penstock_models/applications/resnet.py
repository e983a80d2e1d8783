"""ResNet: blocks that add to what came in, with norms after or before.

He et al., 2015, https://arxiv.org/abs/1512.03385; 2016, https://arxiv.org/abs/1603.05027.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock_keras_api as keras
from penstock_models.applications.building import (
    Options,
    classified,
    finished,
    image_input,
    layers,
    network,
)  # fmt: skip

WIDTHS = (64, 128, 256, 512)
EPSILON = 1.001e-5


def _norm(x: Any, name: str) -> Any:
    return layers.BatchNormalization(axis=3, epsilon=EPSILON, name=name)(x)


def _relu(x: Any, name: str) -> Any:
    return layers.Activation("relu", name=name)(x)


def _stem(inputs: Any, normed: bool) -> Any:
    x = layers.ZeroPadding2D(3, name="conv1_pad")(inputs)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    if normed:
        x = _relu(_norm(x, "conv1_bn"), "conv1_relu")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def _resnet(o: Options, depths: Sequence[int]) -> keras.Model:
    inputs = image_input(o, 224)
    x = _stem(inputs, normed=True)
    for stage, (width, depth) in enumerate(zip(WIDTHS, depths, strict=True), 2):
        for block in range(1, depth + 1):
            strides = 2 if block == 1 and stage > 2 else 1
            x = _block(x, width, strides, block == 1, f"conv{stage}_block{block}")
    return finished(inputs, classified(x, o), o)


def _block(inputs: Any, width: int, strides: int, widen: bool, name: str) -> Any:
    shortcut = inputs
    if widen:
        shortcut = layers.Conv2D(4 * width, 1, strides=strides, name=f"{name}_0_conv")(inputs)
        shortcut = _norm(shortcut, f"{name}_0_bn")
    x = layers.Conv2D(width, 1, strides=strides, name=f"{name}_1_conv")(inputs)
    x = _relu(_norm(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = layers.Conv2D(width, 3, padding="same", name=f"{name}_2_conv")(x)
    x = _relu(_norm(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = _norm(layers.Conv2D(4 * width, 1, name=f"{name}_3_conv")(x), f"{name}_3_bn")
    return _relu(layers.Add(name=f"{name}_add")([shortcut, x]), f"{name}_out")


def _resnet_v2(o: Options, depths: Sequence[int]) -> keras.Model:
    inputs = image_input(o, 224)
    x = _stem(inputs, normed=False)
    for stage, (width, depth) in enumerate(zip(WIDTHS, depths, strict=True), 2):
        for block in range(1, depth + 1):
            strides = 2 if block == depth and stage < 5 else 1
            x = _block_v2(x, width, strides, block == 1, f"conv{stage}_block{block}")
    x = _relu(_norm(x, "post_bn"), "post_relu")
    return finished(inputs, classified(x, o), o)


def _block_v2(inputs: Any, width: int, strides: int, widen: bool, name: str) -> Any:
    before = _relu(_norm(inputs, f"{name}_preact_bn"), f"{name}_preact_relu")
    if widen:
        shortcut = layers.Conv2D(4 * width, 1, strides=strides, name=f"{name}_0_conv")(before)
    else:
        shortcut = layers.MaxPooling2D(1, strides=strides)(inputs) if strides > 1 else inputs
    x = layers.Conv2D(width, 1, strides=1, use_bias=False, name=f"{name}_1_conv")(before)
    x = _relu(_norm(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(width, 3, strides=strides, use_bias=False, name=f"{name}_2_conv")(x)
    x = _relu(_norm(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = layers.Conv2D(4 * width, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])


D50, D101, D152 = (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)
ResNet50 = network("ResNet50", "resnet50", "ResNet of 50 layers", lambda o: _resnet(o, D50))
ResNet101 = network("ResNet101", "resnet101", "ResNet of 101 layers", lambda o: _resnet(o, D101))
ResNet152 = network("ResNet152", "resnet152", "ResNet of 152 layers", lambda o: _resnet(o, D152))
ResNet50V2 = network(
    "ResNet50V2", "resnet50v2", "ResNet v2 of 50 layers", lambda o: _resnet_v2(o, D50)
)
ResNet101V2 = network(
    "ResNet101V2", "resnet101v2", "ResNet v2 of 101 layers", lambda o: _resnet_v2(o, D101)
)
ResNet152V2 = network(
    "ResNet152V2", "resnet152v2", "ResNet v2 of 152 layers", lambda o: _resnet_v2(o, D152)
)
