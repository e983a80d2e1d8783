"""California housing: 20,640 districts and the prices of their houses, in 1990."""

from __future__ import annotations

from penstock.errors import InvalidValueError
from penstock_keras_api.datasets import _archives, _files
from penstock_keras_api.datasets._origins import CALIFORNIA_HOUSING
from penstock_keras_api.datasets._splits import Parts, split

_SMALL = 600


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
    *,
    download: bool = False,
) -> Parts:
    """Load California housing.

    Args:
        version: "large" for 20,640 samples, "small" for the first 600.
        path: Its name in the cache, or the path of an NPZ file.
        test_split: Which part is for tests: 0 or more, less than 1.
        seed: Of the order of the samples.
        download: Whether to download it if it is nowhere.

    Returns:
        (x_train, y_train), (x_test, y_test): features [n, 8] and prices [n] in dollars.

    Raises:
        ValueError: There is no such version, or `test_split` is out of range.
        DatasetNotFoundError: It is not on this machine.
        FormatError: The file is damaged.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.california_housing.load_data()  # doctest: +SKIP
    """
    if version not in ("large", "small"):
        raise InvalidValueError(
            f"[california_housing] got version={version!r}; expected 'large' or 'small'"
        )
    file = _files.fetch(CALIFORNIA_HOUSING, path=path, download=download)
    x, y = _archives.read_npz(file, "x", "y")
    if version == "small":
        x, y = x[:_SMALL], y[:_SMALL]
    return split(x, y, test_split, seed)
