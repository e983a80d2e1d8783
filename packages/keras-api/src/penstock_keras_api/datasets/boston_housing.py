"""Boston housing: 506 suburbs and the prices of their houses, in the 1970s."""

from __future__ import annotations

from penstock_keras_api.datasets import _archives, _files
from penstock_keras_api.datasets._origins import BOSTON_HOUSING
from penstock_keras_api.datasets._splits import Parts, split


def load_data(
    path: str = "boston_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
    *,
    download: bool = False,
) -> Parts:
    """Load Boston housing. Take `california_housing` for anything new: this set has a column on race.

    Args:
        path: Its name in the cache, or the path of an NPZ file.
        test_split: Which part is for tests: 0 or more, less than 1.
        seed: Of the order of the samples.
        download: Whether to download it if it is nowhere.

    Returns:
        (x_train, y_train), (x_test, y_test): features [n, 13], prices [n] in thousands of dollars; float64.

    Raises:
        ValueError: `test_split` is out of range.
        DatasetNotFoundError: It is not on this machine.
        FormatError: The file is damaged.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.boston_housing.load_data()  # doctest: +SKIP
    """
    file = _files.fetch(BOSTON_HOUSING, path=path, download=download)
    x, y = _archives.read_npz(file, "x", "y")
    return split(x, y, test_split, seed)
