"""The integers by which quantised layers multiply, computed while writing."""

from __future__ import annotations

from typing import Any

import numpy as np

INT32_MAX = 2**31 - 1

# What an activation leaves of the real numbers.
_ACTIVATIONS: dict[str | None, tuple[float | None, float | None]] = {
    None: (None, None),
    "relu": (0.0, None),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
}


def multiplier(real: float) -> tuple[int, int]:
    """Split a positive number into m and shift, real = m * 2^(shift - 31), with 2^30 <= m < 2^31."""
    mantissa, shift = np.frexp(np.float64(real))
    whole, shift = int(np.floor(mantissa * 2.0**31 + 0.5)), int(shift)
    if whole == 2**31:
        whole, shift = 2**30, shift + 1
    if shift < -31:
        return 0, 0
    return (INT32_MAX, 30) if shift > 30 else (whole, shift)


def multipliers(reals: Any) -> tuple[list[int], list[int]]:
    """Split many numbers."""
    pairs = [multiplier(float(r)) for r in np.ravel(reals)]
    return [m for m, _ in pairs], [s for _, s in pairs]


def limits(dtype: str) -> tuple[int, int]:
    """Return the smallest and the largest integer of a dtype."""
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def activation_range(activation: str | None, dtype: str, scale: Any, zero: int) -> tuple[int, int]:
    """Return the smallest and the largest quantised result that an activation allows."""
    low, high = limits(dtype)
    bottom, top = _ACTIVATIONS[activation]
    if bottom is not None:
        low = max(low, _steps(bottom, scale, zero))
    if top is not None:
        high = min(high, _steps(top, scale, zero))
    return low, high


def _steps(value: float, scale: Any, zero: int) -> int:
    exact = np.float32(value) / np.float32(scale)
    whole = np.trunc(exact)
    if abs(exact - whole) >= 0.5:
        whole += np.sign(exact)
    return zero + int(np.clip(whole, -(2.0**31), INT32_MAX))
