"""Rotten Tomatoes: 10,662 sentences of film reviews, good or bad."""

from __future__ import annotations

import numpy as np

from penstock_keras_api.datasets import _files
from penstock_keras_api.datasets._splits import Parts, split, strings


def load_data(test_split: float = 0.1, seed: int = 113) -> Parts:
    """Load the sentences from the mirror.

    Args:
        test_split: Which part is for tests: 0 or more, less than 1.
        seed: Of the order of the sentences.

    Returns:
        (x_train, y_train), (x_test, y_test): strings, and 0 (bad) or 1 (good) in int64.

    Raises:
        DatasetNotFoundError: `PENSTOCK_MIRROR` has no datasets/rt_polarity.
        ValueError: `test_split` is out of range.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.rt_polarity.load_data()  # doctest: +SKIP
    """
    bad, good = (
        _files.local("rt_polarity", f"rt-polarity.{kind}").read_text("utf-8").strip().split("\n")
        for kind in ("neg", "pos")
    )
    texts = strings([line.strip() for line in bad + good])
    return split(texts, np.repeat(np.arange(2), [len(bad), len(good)]), test_split, seed)
