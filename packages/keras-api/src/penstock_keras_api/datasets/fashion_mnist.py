"""Fashion-MNIST: 70,000 pictures of clothes."""

from __future__ import annotations

from penstock_keras_api.datasets import _archives, _files
from penstock_keras_api.datasets._origins import FASHION_MNIST
from penstock_keras_api.datasets._splits import Parts


def load_data(*, download: bool = False) -> Parts:
    """Load Fashion-MNIST: pictures of clothes of ten kinds, 28 x 28.

    The kinds are T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Args:
        download: Whether to download it if it is nowhere.

    Returns:
        (x_train, y_train), (x_test, y_test): images [60000, 28, 28] and [10000, 28, 28], 0 to 255 in uint8; kinds
        [60000] and [10000] in uint8.

    Raises:
        DatasetNotFoundError: It is not on this machine.
        FormatError: A file is damaged.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()  # doctest: +SKIP
    """
    a, b, c, d = (
        _archives.read_idx(
            _files.fetch(origin, download=download), 3 if "idx3" in origin.name else 1
        )
        for origin in FASHION_MNIST
    )
    return (a, b), (c, d)
