"""CIFAR-10: 60,000 small photographs of ten kinds."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath

import numpy as np

from penstock.errors import InvalidTypeError
from penstock_keras_api.datasets import _archives, _files
from penstock_keras_api.datasets._origins import CIFAR10
from penstock_keras_api.datasets._splits import Array, Parts

_BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
_SAMPLE = "cifar10_jpeg_train6000_test1500.tar.gz"
_KINDS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"
)  # fmt: skip


def load_data(*, download: bool = False) -> Parts:
    """Load CIFAR-10: photographs of ten kinds, 32 x 32.

    Args:
        download: Whether to download it if it is nowhere.

    Returns:
        (x_train, y_train), (x_test, y_test): images [50000, 32, 32, 3] and [10000, 32, 32, 3], 0 to 255 in uint8;
        kinds [50000, 1] and [10000, 1] in uint8.

    Raises:
        DatasetNotFoundError: It is not on this machine; `load_sample` may be enough.
        FormatError: The file is damaged.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_data()  # doctest: +SKIP
    """
    file = _files.fetch(CIFAR10, download=download)
    batches = [
        (planes(batch[b"data"]), column(batch[b"labels"]))
        for batch in _archives.read_pickles(file, *_BATCHES, "test_batch")
    ]
    x, y = (np.concatenate(parts) for parts in zip(*batches[:-1], strict=True))
    return (x, y), batches[-1]


def load_sample() -> Parts:
    """Load a tenth of CIFAR-10, as JPEG, which a mirror may have instead of the whole; needs Pillow.

    Returns:
        (x_train, y_train), (x_test, y_test), as `load_data` returns them: 600 and 150 images of each kind, by kinds.

    Raises:
        DatasetNotFoundError: The mirror has no such file.
        TypeError: Pillow is missing.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_sample()  # doctest: +SKIP
    """
    try:
        from PIL import Image
    except ImportError:
        raise InvalidTypeError(
            "[keras.datasets] the sample of CIFAR-10 is JPEG, which needs Pillow: pip install pillow"
        ) from None
    found: dict[str, list[tuple[Array, int]]] = {"train": [], "test": []}
    with tarfile.open(_files.local("cifar10", _SAMPLE)) as archive:
        for member in sorted(archive.getmembers(), key=lambda m: m.name):
            parts = PurePosixPath(member.name).parts
            file = archive.extractfile(member)
            if file is not None and len(parts) == 3:
                image = Image.open(io.BytesIO(file.read())).convert("RGB")
                found[parts[0]].append((np.asarray(image), _KINDS.index(parts[1])))
    train, test = (
        (np.stack([image for image, _ in part]), column([kind for _, kind in part]))
        for part in found.values()
    )
    return train, test


def planes(rows: Array) -> Array:
    """Turn rows of three colour planes [n, 3072] into images [n, 32, 32, 3]."""
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def column(labels: list[int]) -> Array:
    """Return labels as [n, 1] in uint8."""
    return np.asarray(labels, np.uint8)[:, np.newaxis]
