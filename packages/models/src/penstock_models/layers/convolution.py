"""Convolutions with a norm and an activation after, as networks for pictures are made of."""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras


def convolution(
    x: Any,
    filters: int,
    kernel_size: int,
    name: str,
    *,
    strides: int = 1,
    dilation: int = 1,
    groups: int = 1,
    activation: str | None = "relu",
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    padding: str = "around",
    folded: bool = False,
) -> Any:
    """Return activation(norm(convolution(x))).

    Args:
        x: [batch, height, width, channels].
        filters: How many channels come out.
        kernel_size: The window's size.
        name: The convolution's name; the norm's is this and "_norm".
        strides: How far the window moves.
        dilation: How far the window's places are from each other.
        groups: In how many groups channels are kept apart.
        activation: A name, or None.
        epsilon: Of the norm.
        momentum: Of the norm's running averages.
        padding: "around" puts half a window of zeros on each side, as PyTorch's networks do; "same" what TensorFlow's
            do, which differs when the window moves by more than 1.
        folded: Whether the norm is already in the convolution's weights, which then add a number to each channel.

    Returns:
        [batch, height / strides, width / strides, filters].

    Raises:
        ValueError: Sizes do not fit together.

    >>> convolution(keras.Input((8, 8, 3)), 4, 3, "stem", strides=2).shape
    (None, 4, 4, 4)
    """
    x = _padded(x, kernel_size, padding)
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same" if padding == "same" else "valid",
        dilation_rate=dilation,
        groups=groups,
        use_bias=folded,
        name=name,
    )(x)
    return _normed(x, name, activation, epsilon, momentum, folded)


def depthwise_convolution(
    x: Any,
    kernel_size: int,
    name: str,
    *,
    strides: int = 1,
    dilation: int = 1,
    activation: str | None = "relu6",
    epsilon: float = 1e-3,
    momentum: float = 0.99,
    padding: str = "same",
    folded: bool = False,
) -> Any:
    """Return activation(norm(convolution of each channel by itself)); arguments as in `convolution`.

    Raises:
        ValueError: Sizes do not fit together.

    >>> depthwise_convolution(keras.Input((8, 8, 3)), 3, "depthwise", strides=2).shape
    (None, 4, 4, 3)
    """
    x = keras.layers.DepthwiseConv2D(
        kernel_size,
        strides=strides,
        padding="same" if padding == "same" else "valid",
        dilation_rate=dilation,
        use_bias=folded,
        name=name,
    )(_padded(x, kernel_size, padding))
    return _normed(x, name, activation, epsilon, momentum, folded)


def _padded(x: Any, kernel_size: int, padding: str) -> Any:
    if padding == "same" or kernel_size == 1:
        return x
    return keras.layers.ZeroPadding2D(kernel_size // 2)(x)


def _normed(
    x: Any, name: str, activation: str | None, epsilon: float, momentum: float, folded: bool
) -> Any:
    if not folded:
        norm = keras.layers.BatchNormalization(
            momentum=momentum, epsilon=epsilon, name=f"{name}_norm"
        )
        x = norm(x)
    return x if activation is None else keras.layers.Activation(activation)(x)


def divisible(value: float, divisor: int = 8, least: int | None = None) -> int:
    """Return the multiple of a divisor that is nearest to a number of channels, and not more than a tenth below it.

    Args:
        value: A number of channels, multiplied by something.
        divisor: What the result is divided by.
        least: The smallest result; by default the divisor.

    Returns:
        The number of channels.

    Raises:
        ZeroDivisionError: The divisor is 0.

    Source:
        Sandler et al., 2018, "MobileNetV2", https://arxiv.org/abs/1801.04381, as published with its weights.

    >>> divisible(33), divisible(11.2)
    (32, 16)
    """
    nearest = max(least or divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest
