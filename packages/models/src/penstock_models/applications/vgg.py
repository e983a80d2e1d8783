"""VGG: nothing but small windows, pooled five times.

Simonyan and Zisserman, 2014, https://arxiv.org/abs/1409.1556.
"""

from __future__ import annotations

from collections.abc import Sequence

import penstock_keras_api as keras
from penstock_models.applications.building import (
    Options,
    finished,
    image_input,
    layers,
    network,
    pooled,
)  # fmt: skip

WIDTHS = (64, 128, 256, 512, 512)


def _vgg(o: Options, depths: Sequence[int]) -> keras.Model:
    inputs = x = image_input(o, 224)
    for block, (width, depth) in enumerate(zip(WIDTHS, depths, strict=True), 1):
        for i in range(1, depth + 1):
            name = f"block{block}_conv{i}"
            x = layers.Conv2D(width, 3, activation="relu", padding="same", name=name)(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    if not o.include_top:
        return finished(inputs, pooled(x, o), o)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(4096, activation="relu", name="fc1")(x)
    x = layers.Dense(4096, activation="relu", name="fc2")(x)
    x = layers.Dense(o.classes, activation=o.classifier_activation, name="predictions")(x)
    return finished(inputs, x, o)


VGG16 = network("VGG16", "vgg16", "VGG of 16 layers", lambda o: _vgg(o, (2, 2, 3, 3, 3)))
VGG19 = network("VGG19", "vgg19", "VGG of 19 layers", lambda o: _vgg(o, (2, 2, 4, 4, 4)))
