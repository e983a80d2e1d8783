"""Which range of numbers is worth its integers: from all that calibration saw, min-max, percentile or least error."""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np

from penstock.errors import InvalidValueError

Array = np.ndarray[Any, Any]
BINS: Final = 2048


class Observer(Protocol):
    """Sees numbers, and tells their range."""

    def update(self, x: Array) -> None:
        """See more numbers."""

    def range(self) -> tuple[float, float]:
        """Return the least and the largest number that integers shall stand for."""


class MinMax:
    """The least and the largest number of all."""

    def __init__(self) -> None:
        self.low, self.high = 0.0, 0.0

    def update(self, x: Array) -> None:
        """See more numbers; what is not finite is left out."""
        if x.size:
            low, high = float(x.min()), float(x.max())
            if not np.isfinite([low, high]).all():
                finite = x[np.isfinite(x)]
                low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
            self.low, self.high = min(self.low, low), max(self.high, high)

    def range(self) -> tuple[float, float]:
        """Return the limits; 0 is always between them."""
        return self.low, self.high


class Histogram:
    """Counts of numbers in bins of equal width, which grow by whole factors when larger numbers come."""

    def __init__(self) -> None:
        self.limit = 0.0
        self.counts = np.zeros(2 * BINS)

    def update(self, x: Array) -> None:
        """See more numbers."""
        x = x[np.isfinite(x)]
        most = float(np.abs(x).max(initial=0.0))
        if most == 0.0:
            self.counts[BINS] += x.size
            self.limit = self.limit or 0.0
            return
        if self.limit == 0.0:
            zeros, self.limit = self.counts.sum(), most
            self.counts[BINS] = zeros
        while most > self.limit:
            self._double()
        found, _ = np.histogram(x, bins=2 * BINS, range=(-self.limit, self.limit))
        self.counts += found

    def _double(self) -> None:
        pairs = self.counts.reshape(-1, 2).sum(axis=1)
        self.counts = np.concatenate([np.zeros(BINS // 2), pairs, np.zeros(BINS // 2)])
        self.limit *= 2

    @property
    def middles(self) -> Array:
        """The numbers in the middle of the bins."""
        edges = np.linspace(-self.limit, self.limit, 2 * BINS + 1)
        return (edges[1:] + edges[:-1]) / 2

    def span(self) -> tuple[float, float]:
        """Return the outer edges of the bins that are not empty."""
        full = np.flatnonzero(self.counts)
        if not full.size or self.limit == 0.0:
            return 0.0, 0.0
        width = self.limit / BINS
        low, high = full[0] * width - self.limit, (full[-1] + 1) * width - self.limit
        return min(low, 0.0), max(high, 0.0)


class Percentile(Histogram):
    """The range that holds a share of the numbers: outliers are cut off.

    Args:
        percentile: The share, in percent; as much is cut off on either side.

    Raises:
        InvalidValueError: It is not between 50 and 100.
    """

    def __init__(self, percentile: float = 99.99) -> None:
        super().__init__()
        if not 50 < percentile <= 100:
            raise InvalidValueError(
                f"[quantize] got a percentile of {percentile}; use a number above 50, at most 100, such as 99.99"
            )
        self.percentile = percentile

    def range(self) -> tuple[float, float]:
        """Return the limits."""
        total = self.counts.sum()
        low, high = self.span()
        if total == 0 or self.limit == 0.0:
            return low, high
        cut = (100 - self.percentile) / 100 * total
        width = self.limit / BINS
        first = int(np.searchsorted(np.cumsum(self.counts), cut, side="right"))
        last = 2 * BINS - int(np.searchsorted(np.cumsum(self.counts[::-1]), cut, side="right"))
        return max(low, min(first * width - self.limit, 0.0)), min(
            high, max(last * width - self.limit, 0.0)
        )


class LeastError(Histogram):
    """The range whose integers have the least mean squared error, among those that cut a part of both sides off."""

    STEPS: Final = 64

    def range(self) -> tuple[float, float]:
        """Return the limits."""
        low, high = self.span()
        if high == low:
            return low, high
        x, n = self.middles, self.counts
        best, found = np.inf, (low, high)
        for step in range(self.STEPS, self.STEPS // 4, -1):
            a, b = low * step / self.STEPS, high * step / self.STEPS
            scale = (b - a) / 255
            error = float((n * (np.clip(np.round(x / scale) * scale, a, b) - x) ** 2).sum())
            if error < best:
                best, found = error, (a, b)
        return found


def make_observer(calibration: str, percentile: float) -> Observer:
    """Make an observer by name.

    Raises:
        InvalidValueError: There is no such calibration.
    """
    if calibration == "min_max":
        return MinMax()
    if calibration == "percentile":
        return Percentile(percentile)
    if calibration == "mse":
        return LeastError()
    raise InvalidValueError(
        f"[quantize] got calibration={calibration!r}; it is one of 'min_max', 'percentile' and 'mse'"
    )
