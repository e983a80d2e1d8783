"""Scales and zero points: from the range of numbers to integers that stand for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
LOW, HIGH = -128, 127


@dataclass(frozen=True)
class Scale:
    """How int8 numbers stand for real ones: scale · (integer - zero).

    Args:
        scale: What one step is worth, a float32.
        zero: The integer that stands for 0, an int32.
    """

    scale: Any
    zero: Any

    def quantize(self, x: Array) -> Array:
        """Return the integers nearest to real numbers."""
        steps = np.trunc(x / self.scale + np.copysign(np.float32(0.5), x))
        q: Array = np.clip(steps + self.zero, LOW, HIGH).astype(np.int8)
        return q

    def dequantize(self, q: Array) -> Array:
        """Return the real numbers that integers stand for."""
        x: Array = (self.scale * (q.astype(np.int32) - self.zero)).astype(np.float32)
        return x


def scale_of_range(low: float, high: float) -> Scale:
    """Choose the scale and zero point of numbers between two limits; 0 is always a step.

    Args:
        low: The least number; one above 0 counts as 0.
        high: The largest; one below 0 counts as 0.

    Returns:
        The scale. Where nothing but 0 occurs, a step is worth 1.

    Raises:
        Nothing.

    Example:
        >>> scale_of_range(0.0, 2.55)
        Scale(scale=np.float32(0.01), zero=np.int32(-128))
    """
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    # float32, as fake_quant computes it
    step = np.float32((np.float32(high) - np.float32(low)) / np.float32(HIGH - LOW))
    if not step > 0:
        return Scale(np.float32(1), np.int32(0))
    step = max(step, np.finfo(np.float32).tiny)  # below it float32 has no whole precision
    steps = np.float32(0) - np.float32(low) / step
    return Scale(step, np.int32(np.clip(np.floor(steps + np.float32(0.5)), 0, 255) + LOW))


def scales_of_weights(weights: Array, channels: int, bits: int, per_channel: bool) -> Array:
    """Choose the scales of weights, symmetric around 0.

    Args:
        weights: [..., channels]; of a depthwise filter the last two axes are the channels.
        channels: How many there are.
        bits: Of the integers, 2 to 8.
        per_channel: One scale for each channel, or a single one.

    Returns:
        [channels] or [], float32.

    Raises:
        Nothing.

    Example:
        >>> scales_of_weights(np.array([[1.27, -0.254]]), 2, 8, True)
        array([0.01 , 0.002], dtype=float32)
    """
    most = np.abs(weights.reshape(-1, channels)).max(axis=0, initial=0.0)
    if not per_channel:
        most = most.max(initial=0.0)
    scale = (most / (2 ** (bits - 1) - 1)).astype(np.float32)
    return np.where(scale > 0, scale, np.float32(1)).astype(np.float32)


def quantize_weights(weights: Array, scales: Array, channels: int, bits: int) -> Array:
    """Return the integers that stand for weights, as int8 of the same shape."""
    top = 2 ** (bits - 1) - 1
    steps = np.round(weights.reshape(-1, channels) / scales)
    return np.clip(steps, -top, top).astype(np.int8).reshape(weights.shape)
