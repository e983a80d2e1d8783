"""Digits: 1,797 small pictures of handwritten digits."""

from __future__ import annotations

from penstock_keras_api.datasets import _bundled
from penstock_keras_api.datasets._splits import Parts


def load_data(test_split: float = 0.2, seed: int = 113) -> Parts:
    """Load pictures of digits, 8 x 8, which come with scikit-learn.

    Args:
        test_split: Which part is for tests: 0 or more, less than 1.
        seed: Of the order of the samples.

    Returns:
        (x_train, y_train), (x_test, y_test): images [n, 8, 8] from 0 to 16 in float32, digits [n] in int64.

    Raises:
        TypeError: scikit-learn is missing.
        ValueError: `test_split` is out of range.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
    >>> x_train.shape, x_test.shape
    ((1437, 8, 8), (360, 8, 8))
    """
    return _bundled.load("digits", test_split, seed)
