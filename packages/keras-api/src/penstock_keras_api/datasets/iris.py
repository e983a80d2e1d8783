"""Iris: 150 flowers of three kinds, measured."""

from __future__ import annotations

from penstock_keras_api.datasets import _bundled
from penstock_keras_api.datasets._splits import Parts


def load_data(test_split: float = 0.2, seed: int = 113) -> Parts:
    """Load the measures of irises, which come with scikit-learn.

    Args:
        test_split: Which part is for tests: 0 or more, less than 1.
        seed: Of the order of the samples.

    Returns:
        (x_train, y_train), (x_test, y_test): features [n, 4] in float32, kinds [n] in int64.

    Raises:
        TypeError: scikit-learn is missing.
        ValueError: `test_split` is out of range.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.iris.load_data()
    >>> x_train.shape, x_test.shape
    ((120, 4), (30, 4))
    """
    return _bundled.load("iris", test_split, seed)
