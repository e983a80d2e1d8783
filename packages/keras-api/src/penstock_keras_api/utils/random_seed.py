"""`set_random_seed`: make a whole program repeatable."""

from __future__ import annotations

import random

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError
from penstock_keras_api.random import draws


def set_random_seed(seed: int) -> None:
    """Set every seed that a program draws from: Python's, NumPy's and Penstock's.

    Equal seeds then give equal weights, orders of samples and dropout, bit for bit, on any number of threads.

    Args:
        seed: A whole number of at least 0, below 2**32.

    Raises:
        TypeError: It is no whole number.
        ValueError: It is out of range.

    >>> from penstock import keras
    >>> keras.utils.set_random_seed(1)
    >>> a = keras.initializers.GlorotUniform()((2, 2))
    >>> keras.utils.set_random_seed(1)
    >>> bool((keras.initializers.GlorotUniform()((2, 2)).numpy() == a.numpy()).all())
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise InvalidTypeError(
            f"[set_random_seed] got {seed!r}; give a whole number, such as set_random_seed(1)"
        )
    draws.seed_shared_generator(int(seed))  # first: making it draws a number
    np.random.seed(seed)  # noqa: NPY002 - scripts draw from it; ValueError where out of range
    random.seed(int(seed))
    ps.random.set_seed(int(seed))
