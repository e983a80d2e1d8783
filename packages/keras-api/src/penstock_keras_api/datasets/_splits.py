"""Part samples into those for training and those for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import InvalidValueError

Array = np.ndarray[Any, Any]
Parts = tuple[tuple[Array, Array], tuple[Array, Array]]


def shuffled(state: np.random.RandomState, x: Array, y: Array) -> tuple[Array, Array]:
    """Bring samples into a random order, the one that Keras has for that state."""
    order = np.arange(len(x))
    state.shuffle(order)
    return x[order], y[order]


def split(x: Array, y: Array, test_split: float, seed: int) -> Parts:
    """Shuffle samples, and set the last ones apart for tests.

    Args:
        x: [n, ...], samples.
        y: [n], what is to be learned.
        test_split: Which part is for tests: 0 or more, less than 1.
        seed: Of the order.

    Returns:
        (x_train, y_train), (x_test, y_test).

    Raises:
        ValueError: `test_split` is out of range.
    """
    if not 0 <= test_split < 1:
        raise InvalidValueError(
            f"[keras.datasets] got test_split={test_split}; expected 0 or more and less than 1, such as test_split=0.2"
        )
    x, y = shuffled(np.random.RandomState(seed), x, y)
    first = int(len(x) * (1 - test_split))
    return (x[:first], y[:first]), (x[first:], y[first:])


def strings(lines: Any) -> Array:
    """Make an array of Python strings, which is not padded to the longest."""
    made = np.empty(len(lines), object)
    made[:] = lines
    return made
