"""Inception: windows of several sizes side by side, and a version whose blocks add to what came in.

Szegedy et al., 2015, "Rethinking the Inception Architecture", https://arxiv.org/abs/1512.00567; 2016,
"Inception-v4, Inception-ResNet", https://arxiv.org/abs/1602.07261.
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

# A convolution: how many channels, the window's height and width; True if it halves the picture.
Step = tuple[int, ...]
Branch = Sequence[Step]
SIZE, LEAST = 299, 75


def _conv(
    x: Any, filters: int, size: tuple[int, int], strides: int = 1, padding: str = "same",
    name: str | None = None,
) -> Any:  # fmt: skip
    x = layers.Conv2D(
        filters, size, strides=strides, padding=padding, use_bias=False, name=name
    )(x)  # fmt: skip
    x = layers.BatchNormalization(axis=3, scale=False, name=name and f"{name}_bn")(x)
    return layers.Activation("relu", name=name and f"{name}_ac")(x)


def _branch(x: Any, steps: Branch) -> Any:
    for filters, height, width, *halves in steps:
        if halves:
            x = _conv(x, filters, (height, width), 2, "valid")
        else:
            x = _conv(x, filters, (height, width))
    return x


def _stem(inputs: Any) -> Any:
    x = _conv(inputs, 32, (3, 3), 2, "valid")
    x = _conv(x, 32, (3, 3), 1, "valid")
    x = layers.MaxPooling2D(3, strides=2)(_conv(x, 64, (3, 3)))
    x = _conv(_conv(x, 80, (1, 1), 1, "valid"), 192, (3, 3), 1, "valid")
    return layers.MaxPooling2D(3, strides=2)(x)


def _averaging(x: Any, branches: Sequence[Branch], after: int, name: str) -> Any:
    """Return branches side by side, and one that sees means of 3 times 3 places."""
    found = [_branch(x, steps) for steps in branches]
    mean = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return layers.Concatenate(axis=3, name=name)([*found, _conv(mean, after, (1, 1))])


def _halving(x: Any, branches: Sequence[Branch], name: str) -> Any:
    """Return branches that halve the picture side by side, and its largest values."""
    found = [_branch(x, steps) for steps in branches]
    return layers.Concatenate(axis=3, name=name)([*found, layers.MaxPooling2D(3, strides=2)(x)])


def _small_windows(first: int) -> Sequence[Branch]:
    return ([(first, 1, 1)], [(48, 1, 1), (64, 5, 5)], [(64, 1, 1), (96, 3, 3), (96, 3, 3)])


def _long_windows(n: int) -> Sequence[Branch]:
    """Windows of 7 times 7, each as a row and a column."""
    return (
        [(192, 1, 1)],
        [(n, 1, 1), (n, 1, 7), (192, 7, 1)],
        [(n, 1, 1), (n, 7, 1), (n, 1, 7), (n, 7, 1), (192, 1, 7)],
    )


def _crossing(x: Any, number: int) -> Any:
    """Return branches that end in a row and a column side by side."""
    first = _conv(x, 320, (1, 1))
    middle = _branch(x, [(384, 1, 1)])
    both = [_conv(middle, 384, (1, 3)), _conv(middle, 384, (3, 1))]
    second = layers.Concatenate(axis=3, name=f"mixed9_{number}")(both)
    deep = _branch(x, [(448, 1, 1), (384, 3, 3)])
    third = layers.Concatenate(axis=3)([_conv(deep, 384, (1, 3)), _conv(deep, 384, (3, 1))])
    mean = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    parts = [first, second, third, _conv(mean, 192, (1, 1))]
    return layers.Concatenate(axis=3, name=f"mixed{9 + number}")(parts)


def _inception_v3(o: Options) -> keras.Model:
    inputs = image_input(o, SIZE, LEAST)
    x = _stem(inputs)
    for i, after in enumerate((32, 64, 64)):
        x = _averaging(x, _small_windows(64), after, f"mixed{i}")
    x = _halving(x, ([(384, 3, 3, True)], [(64, 1, 1), (96, 3, 3), (96, 3, 3, True)]), "mixed3")
    for i, n in enumerate((128, 160, 160, 192)):
        x = _averaging(x, _long_windows(n), 192, f"mixed{4 + i}")
    long = [(192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3, True)]
    x = _halving(x, ([(192, 1, 1), (320, 3, 3, True)], long), "mixed8")
    x = _crossing(_crossing(x, 0), 1)
    return finished(inputs, classified(x, o), o)


class CustomScaleLayer(layers.Layer):
    """Add a multiple of one input to the other: x + scale · y.

    Args:
        scale: What the second input is multiplied by.
        kwargs: Of every layer, such as `name`.

    Raises:
        ValueError: Shapes do not go together.

    >>> import penstock as ps
    >>> CustomScaleLayer(0.5)([ps.ones((1, 2)), ps.ones((1, 2))]).numpy().tolist()
    [[1.5, 1.5]]
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        """Return x + scale · y of the pair `inputs`."""
        x, y = inputs
        return x + self.scale * y

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {**super().get_config(), "scale": self.scale}


def _residual(
    x: Any, branches: Sequence[Branch], scale: float, name: str, activation: str | None = "relu"
) -> Any:
    parts = [_branch(x, steps) for steps in branches]
    mixed = layers.Concatenate(axis=3, name=f"{name}_mixed")(parts)
    up = layers.Conv2D(x.shape[3], 1, padding="same", name=f"{name}_conv")(mixed)
    x = CustomScaleLayer(scale)([x, up])
    return x if activation is None else layers.Activation(activation, name=f"{name}_ac")(x)


BLOCK35: Sequence[Branch] = (
    [(32, 1, 1)], [(32, 1, 1), (32, 3, 3)], [(32, 1, 1), (48, 3, 3), (64, 3, 3)],
)  # fmt: skip
BLOCK17: Sequence[Branch] = ([(192, 1, 1)], [(128, 1, 1), (160, 1, 7), (192, 7, 1)])
BLOCK8: Sequence[Branch] = ([(192, 1, 1)], [(192, 1, 1), (224, 1, 3), (256, 3, 1)])


def _inception_resnet_v2(o: Options) -> keras.Model:
    inputs = image_input(o, SIZE, LEAST)
    x = _averaging(_stem(inputs), _small_windows(96), 64, "mixed_5b")
    for i in range(1, 11):
        x = _residual(x, BLOCK35, 0.17, f"block35_{i}")
    x = _halving(
        x, ([(384, 3, 3, True)], [(256, 1, 1), (256, 3, 3), (384, 3, 3, True)]), "mixed_6a"
    )
    for i in range(1, 21):
        x = _residual(x, BLOCK17, 0.1, f"block17_{i}")
    ends: Sequence[Branch] = (
        [(256, 1, 1), (384, 3, 3, True)],
        [(256, 1, 1), (288, 3, 3, True)],
        [(256, 1, 1), (288, 3, 3), (320, 3, 3, True)],
    )
    x = _halving(x, ends, "mixed_7a")
    for i in range(1, 10):
        x = _residual(x, BLOCK8, 0.2, f"block8_{i}")
    x = _residual(x, BLOCK8, 1.0, "block8_10", None)
    x = _conv(x, 1536, (1, 1), name="conv_7b")
    return finished(inputs, classified(x, o), o)


InceptionV3 = network("InceptionV3", "inception_v3", "Inception v3", _inception_v3)
InceptionResNetV2 = network(
    "InceptionResNetV2", "inception_resnet_v2", "Inception-ResNet v2", _inception_resnet_v2
)
