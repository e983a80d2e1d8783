"""The sets that come with scikit-learn."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from penstock.errors import InvalidTypeError
from penstock_keras_api.datasets._splits import Parts, split


def load(name: str, test_split: float, seed: int) -> Parts:
    """Load a set that comes with scikit-learn, in Keras's form.

    Args:
        name: scikit-learn has a function load_<name>.
        test_split: Which part is for tests: 0 or more, less than 1.
        seed: Of the order of the samples.

    Returns:
        (x_train, y_train), (x_test, y_test); x in float32, y in int64 for classes and float32 for numbers.

    Raises:
        TypeError: scikit-learn is missing.
        ValueError: `test_split` is out of range.
    """
    try:
        found: Any = importlib.import_module("sklearn.datasets")
    except ImportError:
        raise InvalidTypeError(
            f"[{name}] the data come with scikit-learn: pip install scikit-learn"
        ) from None
    bunch = getattr(found, f"load_{name}")()
    x = bunch.images if name == "digits" else bunch.data
    kind = np.int64 if np.issubdtype(bunch.target.dtype, np.integer) else np.float32
    return split(x.astype(np.float32), bunch.target.astype(kind), test_split, seed)
