"""The light face detector: small convolutions, a block with windows of several reaches, and heads on four maps.

Linzaer, 2019, "Ultra-Light-Fast-Generic-Face-Detector-1MB", with the block of Liu et al., 2017, "Receptive Field Block
Net", https://arxiv.org/abs/1711.07767.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers.convolution import convolution, depthwise_convolution
from penstock_models.weights import Names

layers = keras.layers

# Channels in parts of the base, and strides, of the pairs after the first convolution.
BEFORE = ((2, 1), (2, 2), (2, 1), (4, 2), (4, 1), (4, 1))
MIDDLE = ((8, 2), (8, 1), (8, 1))
AFTER = ((16, 2), (16, 1))
NORM: dict[str, Any] = {"epsilon": 1e-5, "momentum": 0.9}


class RfbConfig(Config):
    """Sizes of the light face detector."""

    base_width: int = 16
    num_classes: int = 2
    # How many prior boxes there are at each place of each map.
    boxes: tuple[int, int, int, int] = (3, 2, 2, 3)


def _pairs(x: Any, pairs: Any, first: int, base: int) -> Any:
    """Return what convolutions over the window, each with one over the channels after, make of x."""
    for i, (parts, strides) in enumerate(pairs, first):
        x = depthwise_convolution(
            x, 3, f"base_{i}_window", strides=strides, activation="relu", padding="around", **NORM
        )
        x = convolution(x, parts * base, 1, f"base_{i}_channels", **NORM)
    return x


def _reaching(x: Any, base: int) -> Any:
    """Return windows of three reaches side by side, added to x."""
    small = base // 2
    # Of each branch: channels, window, and how far its places are apart; True for an activation after.
    branches = (
        ((small, 1, 1, False), (base, 3, 1, True), (base, 3, 2, False)),
        ((small, 1, 1, False), (base, 3, 1, True), (base, 3, 3, False)),
        ((small, 1, 1, False), (small // 2 * 3, 3, 1, True), (base, 3, 1, True), (base, 3, 5, False)),
    )  # fmt: skip
    found = []
    for b, steps in enumerate(branches):
        y = x
        for i, (width, size, rate, active) in enumerate(steps):
            y = _conv(y, width, size, f"reach_{b}_{i}", rate, active)
        found.append(y)
    y = layers.Concatenate(name="reach")(found)
    y = _conv(y, 4 * base, 1, "reach_linear")
    shortcut = _conv(x, 4 * base, 1, "reach_shortcut")
    y = layers.Add(name="reach_add")([y, shortcut])
    return layers.Activation("relu", name="reach_relu")(y)


def _conv(x: Any, width: int, size: int, name: str, rate: int = 1, active: bool = False) -> Any:
    activation = "relu" if active else None
    return convolution(
        x, width, size, name, dilation=rate, activation=activation, padding="same", **NORM
    )


def _extra(x: Any, base: int) -> Any:
    x = layers.Conv2D(4 * base, 1, activation="relu", name="extra_0")(x)
    x = _window(x, "extra_1", strides=2)
    return layers.Conv2D(16 * base, 1, activation="relu", name="extra_2")(x)


def _window(x: Any, name: str, strides: int = 1) -> Any:
    x = layers.ZeroPadding2D(1, name=f"{name}_margin")(x)
    return layers.DepthwiseConv2D(3, strides=strides, activation="relu", name=name)(x)


def _head(x: Any, count: int, width: int, kind: str, number: int) -> Any:
    """Return numbers for each box of a map: [batch, boxes, width]."""
    name = f"{kind}_{number}"
    if number < 3:
        x = layers.Conv2D(count * width, 1, name=name)(_window(x, f"{name}_window"))
    else:
        x = layers.Conv2D(count * width, 3, padding="same", name=name)(x)
    return layers.Reshape((-1, width), name=f"{name}_boxes")(x)


def backbone(config: RfbConfig) -> keras.Model:
    """Return the network: images [batch, height, width, 3] to features, pooled, and what it says of prior boxes.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "features" [batch, height / 32, width / 32, 256], "pooled", their mean, "logits" [batch,
        boxes, classes] and "offsets" [batch, boxes, 4], for `penstock_models.loaders.rfb.prior_boxes`.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(RfbConfig()).output["pooled"].shape
    (None, 256)
    """
    base = config.base_width
    images = keras.Input((None, None, 3), name="images")
    x = convolution(images, base, 3, "base_0", strides=2, padding="around", **NORM)
    maps = [_reaching(_pairs(x, BEFORE, 1, base), base)]
    maps.append(_pairs(maps[-1], MIDDLE, 8, base))
    maps.append(_pairs(maps[-1], AFTER, 11, base))
    maps.append(_extra(maps[-1], base))
    found = {}
    for name, width in (("logits", config.num_classes), ("offsets", 4)):
        heads = [
            _head(m, n, width, name, i)
            for i, (m, n) in enumerate(zip(maps, config.boxes, strict=True))
        ]
        found[name] = layers.Concatenate(axis=1, name=name)(heads)
    pooled = layers.GlobalAveragePooling2D(name="pool")(maps[2])
    return keras.Model(images, {"features": maps[2], "pooled": pooled, **found}, name="rfb")


def _names() -> Names:
    table = {"base_0": "base_net.0.0", "base_0_norm": "base_net.0.1"}
    for part, at in (("window", 0), ("channels", 3)):
        table[f"base_{{i}}_{part}"] = f"base_net.{{i}}.{at}"
        table[f"base_{{i}}_{part}_norm"] = f"base_net.{{i}}.{at + 1}"
    for ours, theirs in (
        ("reach_{b}_{i}", "branch{b}.{i}"), ("reach_linear", "ConvLinear"), ("reach_shortcut", "shortcut"),
    ):  # fmt: skip
        table[ours], table[f"{ours}_norm"] = f"base_net.7.{theirs}.conv", f"base_net.7.{theirs}.bn"
    for i, place in enumerate(("0", "2.0", "2.2")):
        table[f"extra_{i}"] = f"extras.0.{place}"
    for ours, theirs in (("logits", "classification_headers"), ("offsets", "regression_headers")):
        table[f"{ours}_3"] = f"{theirs}.3"
        table[f"{ours}_{{i}}_window"] = f"{theirs}.{{i}}.0"
        table[f"{ours}_{{i}}"] = f"{theirs}.{{i}}.2"
    # The reader of ONNX has turned kernels' axes already.
    return Names(table, ignore="num_batches_tracked$", as_it_is=True)


ARCHITECTURE = Architecture("rfb", RfbConfig, backbone, RfbConfig.of, _names())
