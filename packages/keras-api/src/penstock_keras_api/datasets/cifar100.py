"""CIFAR-100: 60,000 small photographs of a hundred kinds."""

from __future__ import annotations

from penstock.errors import InvalidValueError
from penstock_keras_api.datasets import _archives, _files
from penstock_keras_api.datasets._origins import CIFAR100
from penstock_keras_api.datasets._splits import Parts
from penstock_keras_api.datasets.cifar10 import column, planes


def load_data(label_mode: str = "fine", *, download: bool = False) -> Parts:
    """Load CIFAR-100: photographs of a hundred kinds in twenty groups, 32 x 32.

    Args:
        label_mode: "fine" for kinds, "coarse" for groups.
        download: Whether to download it if it is nowhere.

    Returns:
        (x_train, y_train), (x_test, y_test): images [50000, 32, 32, 3] and [10000, 32, 32, 3], 0 to 255 in uint8;
        kinds [50000, 1] and [10000, 1] in uint8.

    Raises:
        ValueError: There is no such label mode.
        DatasetNotFoundError: It is not on this machine.
        FormatError: The file is damaged.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.cifar100.load_data()  # doctest: +SKIP
    """
    if label_mode not in ("fine", "coarse"):
        raise InvalidValueError(
            f"[cifar100] got label_mode={label_mode!r}; expected 'fine' for kinds or 'coarse' for groups"
        )
    file = _files.fetch(CIFAR100, download=download)
    train, test = (
        (planes(part[b"data"]), column(part[f"{label_mode}_labels".encode()]))
        for part in _archives.read_pickles(file, "train", "test")
    )
    return train, test
