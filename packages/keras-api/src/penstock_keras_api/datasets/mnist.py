"""MNIST: 70,000 handwritten digits."""

from __future__ import annotations

from penstock_keras_api.datasets import _archives, _files
from penstock_keras_api.datasets._origins import MNIST
from penstock_keras_api.datasets._splits import Parts

_IDX = (
    ("train-images-idx3-ubyte.gz", 3),
    ("train-labels-idx1-ubyte.gz", 1),
    ("t10k-images-idx3-ubyte.gz", 3),
    ("t10k-labels-idx1-ubyte.gz", 1),
)


def load_data(path: str = "mnist.npz", *, download: bool = False) -> Parts:
    """Load MNIST: pictures of handwritten digits, 28 x 28.

    It is looked for in `PENSTOCK_MIRROR` (as mnist.npz or as the four IDX files), then in the cache.

    Args:
        path: Its name in the cache, or the path of an NPZ file.
        download: Whether to download it if it is nowhere.

    Returns:
        (x_train, y_train), (x_test, y_test): images [60000, 28, 28] and [10000, 28, 28], 0 to 255 in uint8; digits
        [60000] and [10000] in uint8.

    Raises:
        DatasetNotFoundError: It is not on this machine.
        FormatError: A file is damaged.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()  # doctest: +SKIP
    """
    found = [_files.find("mnist", name) for name, _ in _IDX] if path == "mnist.npz" else [None]
    if all(found):
        a, b, c, d = (
            _archives.read_idx(file, ndim)
            for file, (_, ndim) in zip(found, _IDX, strict=True)
            if file
        )
        return (a, b), (c, d)
    file = _files.fetch(MNIST, path=path, download=download)
    a, b, c, d = _archives.read_npz(file, "x_train", "y_train", "x_test", "y_test")
    return (a, b), (c, d)
