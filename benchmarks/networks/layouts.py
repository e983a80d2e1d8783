"""Orders of axes: what is written with channels last, for frameworks that have them second."""

from __future__ import annotations

import numpy as np

Arrays = dict[str, np.ndarray]


def channels_second(
    arrays: Arrays, places: dict[str, tuple[int, ...]], depthwise: frozenset[str]
) -> Arrays:
    """Return weights in the order of frameworks whose channels are second.

    Args:
        arrays: Filters [height, width, in, out], matrices [in, out], vectors.
        places: For matrices behind a flattening, the height, width and channels that their rows stand for.
        depthwise: Names of filters that are [height, width, channels, 1].
    """
    return {
        name: np.ascontiguousarray(_turned(array, places.get(name), name in depthwise))
        for name, array in arrays.items()
    }


def _turned(array: np.ndarray, places: tuple[int, ...] | None, depthwise: bool) -> np.ndarray:
    if array.ndim == 4:
        return array.transpose(2, 3, 0, 1) if depthwise else array.transpose(3, 2, 0, 1)
    if places:
        return array.reshape(*places, -1).transpose(2, 0, 1, 3).reshape(array.shape)
    return array


def image(x: np.ndarray) -> np.ndarray:
    """Return images with their channels second; anything else as it is."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x


class Draw:
    """Draws weights, the same ones in every process."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.arrays: Arrays = {}

    def normal(self, name: str, *shape: int, scale: float = 1.0) -> None:
        """Draw from a normal distribution."""
        self.arrays[name] = self.rng.standard_normal(shape, np.float32) * np.float32(scale)

    def he(self, name: str, *shape: int) -> None:
        """Draw a filter or matrix of a size that keeps activations at their size."""
        fan_in = np.prod(shape[:2] if len(shape) == 4 and shape[-1] == 1 else shape[:-1])
        self.normal(name, *shape, scale=float(np.sqrt(2 / fan_in)))

    def uniform(self, name: str, *shape: int, low: float, high: float) -> None:
        """Draw from an interval."""
        self.arrays[name] = self.rng.uniform(low, high, shape).astype(np.float32)

    def constant(self, name: str, *shape: int, value: float = 0.0) -> None:
        """Begin with one value everywhere."""
        self.arrays[name] = np.full(shape, value, np.float32)
