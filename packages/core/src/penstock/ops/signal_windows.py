"""Windows: weights that let a frame fade in and out, so that its spectrum is not smeared by its ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike


def _angles(name: str, window_length: int, periodic: bool) -> Any:
    """From 0 to 2π: to the last element, or where `periodic` to the one after it, as SciPy and TensorFlow have it."""
    if window_length < 0:
        raise InvalidValueError(f"[{name}] got window_length={window_length}; use 0 or more")
    points = window_length if periodic else window_length - 1
    return 2 * math.pi * np.arange(window_length) / max(points, 1)


def _cosines(name: str, window_length: int, periodic: bool, dtype: Any, *weights: float) -> Tensor:
    angles = _angles(name, window_length, periodic)
    values = np.zeros(window_length)
    for k, weight in enumerate(weights):
        values = values + weight * np.cos(k * angles)
    if window_length == 1:
        values = np.ones(1)
    return asarray(values, dtype=dtype)


def hann_window(window_length: int, periodic: bool = True, dtype: DTypeLike = "float32") -> Tensor:
    """Make a Hann window: w[i] = 1/2 - cos(2πi / n) / 2.

    Args:
        window_length: How many elements.
        periodic: Divide by n, which suits spectra; else by n - 1, which makes both ends equal.
        dtype: A float dtype.

    Returns:
        [window_length], of `dtype`.

    Raises:
        ValueError: The length is negative.

    Example:
        >>> penstock.signal.hann_window(4)
        Tensor([0. , 0.5, 1. , 0.5], shape=(4,), dtype=float32)
    """
    return _cosines("hann_window", window_length, periodic, dtype, 0.5, -0.5)


def hamming_window(
    window_length: int, periodic: bool = True, dtype: DTypeLike = "float32"
) -> Tensor:
    """Make a Hamming window: w[i] = 0.54 - 0.46 cos(2πi / n).

    Args:
        window_length: How many elements.
        periodic: Divide by n, which suits spectra; else by n - 1, which makes both ends equal.
        dtype: A float dtype.

    Returns:
        [window_length], of `dtype`.

    Raises:
        ValueError: The length is negative.

    Example:
        >>> penstock.signal.hamming_window(2)
        Tensor([0.08, 1.  ], shape=(2,), dtype=float32)
    """
    return _cosines("hamming_window", window_length, periodic, dtype, 0.54, -0.46)


def blackman_window(
    window_length: int, periodic: bool = True, dtype: DTypeLike = "float32"
) -> Tensor:
    """Make a Blackman window: w[i] = 0.42 - 0.5 cos(2πi / n) + 0.08 cos(4πi / n).

    Args:
        window_length: How many elements.
        periodic: Divide by n, which suits spectra; else by n - 1, which makes both ends equal.
        dtype: A float dtype.

    Returns:
        [window_length], of `dtype`.

    Raises:
        ValueError: The length is negative.

    Example:
        >>> penstock.signal.blackman_window(3, periodic=False)[1]
        Tensor(1., shape=(), dtype=float32)
    """
    return _cosines("blackman_window", window_length, periodic, dtype, 0.42, -0.5, 0.08)


def kaiser_window(
    window_length: int, beta: float = 12.0, periodic: bool = False, dtype: DTypeLike = "float32"
) -> Tensor:
    """Make a Kaiser window: w[i] = I₀(β·√(1 - (2i / (n - 1) - 1)²)) / I₀(β).

    Args:
        window_length: How many elements.
        beta: The shape: 0 is a box, larger is narrower.
        periodic: Divide by n instead of n - 1.
        dtype: A float dtype.

    Returns:
        [window_length], of `dtype`.

    Raises:
        ValueError: The length is negative.

    Example:
        >>> penstock.signal.kaiser_window(3, beta=0.0)
        Tensor([1., 1., 1.], shape=(3,), dtype=float32)
    """
    place = _angles("kaiser_window", window_length, periodic) / math.pi - 1
    if window_length == 1:
        place = np.zeros(1)
    values = np.i0(beta * np.sqrt(np.maximum(1 - place**2, 0))) / np.i0(beta)
    return asarray(values, dtype=dtype)


def vorbis_window(window_length: int, dtype: DTypeLike = "float32") -> Tensor:
    """Make the power-complementary window of Vorbis: w[i] = sin(π/2·sin²(π(i + 1/2) / n)).

    Args:
        window_length: How many elements.
        dtype: A float dtype.

    Returns:
        [window_length], of `dtype`.

    Raises:
        ValueError: The length is negative.

    Example:
        >>> penstock.signal.vorbis_window(2)
        Tensor([0.70710677, 0.70710677], shape=(2,), dtype=float32)
    """
    if window_length < 0:
        raise InvalidValueError(f"[vorbis_window] got window_length={window_length}; use 0 or more")
    rise = np.sin(math.pi * (np.arange(window_length) + 0.5) / max(window_length, 1))
    return asarray(np.sin(math.pi / 2 * rise**2), dtype=dtype)
