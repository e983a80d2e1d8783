"""Breast cancer: 569 tumours, malignant or benign."""

from __future__ import annotations

from penstock_keras_api.datasets import _bundled
from penstock_keras_api.datasets._splits import Parts


def load_data(test_split: float = 0.2, seed: int = 113) -> Parts:
    """Load the measures of tumours, which come with scikit-learn.

    Args:
        test_split: Which part is for tests: 0 or more, less than 1.
        seed: Of the order of the samples.

    Returns:
        (x_train, y_train), (x_test, y_test): features [n, 30] in float32; 0 (malignant) or 1 (benign) in int64.

    Raises:
        TypeError: scikit-learn is missing.
        ValueError: `test_split` is out of range.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.breast_cancer.load_data()
    >>> x_train.shape, x_test.shape
    ((455, 30), (114, 30))
    """
    return _bundled.load("breast_cancer", test_split, seed)
