"""Xception: windows and channels are looked at apart, in blocks that add to what came in.

Chollet, 2016, https://arxiv.org/abs/1610.02357.
"""

from __future__ import annotations

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


def _separable(x: Any, width: int, name: str) -> Any:
    x = layers.SeparableConv2D(width, 3, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def _relu(x: Any, name: str) -> Any:
    return layers.Activation("relu", name=f"{name}_act")(x)


def _plain(x: Any, width: int, strides: int, name: str) -> Any:
    x = layers.Conv2D(width, 3, strides=strides, use_bias=False, name=name)(x)
    return _relu(layers.BatchNormalization(name=f"{name}_bn")(x), name)


def _shrinking(inputs: Any, widths: tuple[int, int], block: int) -> Any:
    name = f"block{block}"
    shortcut = layers.Conv2D(widths[1], 1, strides=2, padding="same", use_bias=False)(inputs)
    shortcut = layers.BatchNormalization()(shortcut)
    x = inputs if block == 2 else _relu(inputs, f"{name}_sepconv1")
    x = _separable(x, widths[0], f"{name}_sepconv1")
    x = _separable(_relu(x, f"{name}_sepconv2"), widths[1], f"{name}_sepconv2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.Add()([x, shortcut])


def _xception(o: Options) -> keras.Model:
    inputs = image_input(o, 299, 71)
    x = _plain(inputs, 32, 2, "block1_conv1")
    x = _plain(x, 64, 1, "block1_conv2")
    for block, width in ((2, 128), (3, 256), (4, 728)):
        x = _shrinking(x, (width, width), block)
    for block in range(5, 13):
        before = x
        for i in (1, 2, 3):
            name = f"block{block}_sepconv{i}"
            x = _separable(_relu(x, name), 728, name)
        x = layers.Add()([x, before])
    x = _shrinking(x, (728, 1024), 13)
    for i, width in ((1, 1536), (2, 2048)):
        name = f"block14_sepconv{i}"
        x = _relu(_separable(x, width, name), name)
    return finished(inputs, classified(x, o), o)


Xception = network("Xception", "xception", "Xception", _xception)
