"""DenseNet: each layer reads all before it.

Huang et al., 2016, https://arxiv.org/abs/1608.06993.
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

GROWTH, EPSILON = 32, 1.001e-5


def _active(x: Any, norm: str, relu: str) -> Any:
    x = layers.BatchNormalization(axis=3, epsilon=EPSILON, name=norm)(x)
    return layers.Activation("relu", name=relu)(x)


def _densenet(o: Options, depths: Sequence[int]) -> keras.Model:
    inputs = image_input(o, 224)
    x = layers.ZeroPadding2D(3)(inputs)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
    x = _active(x, "conv1_bn", "conv1_relu")
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(layers.ZeroPadding2D(1)(x))
    for stage, depth in enumerate(depths, 2):
        for block in range(1, depth + 1):
            x = _block(x, f"conv{stage}_block{block}")
        if stage < 5:
            x = _transition(x, f"pool{stage}")
    x = _active(x, "bn", "relu")
    return finished(inputs, classified(x, o), o)


def _block(inputs: Any, name: str) -> Any:
    x = _active(inputs, f"{name}_0_bn", f"{name}_0_relu")
    x = layers.Conv2D(4 * GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(x)
    x = _active(x, f"{name}_1_bn", f"{name}_1_relu")
    x = layers.Conv2D(GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(x)
    return layers.Concatenate(axis=3, name=f"{name}_concat")([inputs, x])


def _transition(x: Any, name: str) -> Any:
    x = _active(x, f"{name}_bn", f"{name}_relu")
    x = layers.Conv2D(x.shape[3] // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


DenseNet121 = network(
    "DenseNet121", "densenet121", "DenseNet of 121 layers", lambda o: _densenet(o, (6, 12, 24, 16))
)
DenseNet169 = network(
    "DenseNet169", "densenet169", "DenseNet of 169 layers", lambda o: _densenet(o, (6, 12, 32, 32))
)
DenseNet201 = network(
    "DenseNet201", "densenet201", "DenseNet of 201 layers", lambda o: _densenet(o, (6, 12, 48, 32))
)
