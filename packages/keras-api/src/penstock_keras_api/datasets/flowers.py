"""Flowers: 300 photographs, 60 of each of five kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from penstock.errors import FormatError, InvalidTypeError
from penstock_keras_api.datasets import _files
from penstock_keras_api.datasets._splits import Array, Parts

KINDS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")


def folder() -> Path:
    """Return the folder with a folder for each kind, for `image_dataset_from_directory`.

    Raises:
        DatasetNotFoundError: `PENSTOCK_MIRROR` has no datasets/flowers.
    """
    return _files.local_folder("flowers")


def load_data(image_size: tuple[int, int] = (128, 128), per_class: int = 45) -> Parts:
    """Load the photographs from the mirror, scaled to one size; needs Pillow.

    Args:
        image_size: Height and width.
        per_class: How many of each kind are for training: the first ones by name.

    Returns:
        (x_train, y_train), (x_test, y_test): images [n, height, width, 3], 0 to 255 in uint8; kinds [n] in int64.

    Raises:
        DatasetNotFoundError: `PENSTOCK_MIRROR` has no datasets/flowers.
        TypeError: Pillow is missing.
        FormatError: A photograph cannot be read.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.flowers.load_data()  # doctest: +SKIP
    """
    root = folder()
    train: list[tuple[Array, int]] = []
    test: list[tuple[Array, int]] = []
    for kind, name in enumerate(KINDS):
        images = [
            (_image(path, image_size), kind) for path in sorted(root.joinpath(name).glob("*.jpg"))
        ]
        train += images[:per_class]
        test += images[per_class:]
    a, b = (
        (
            np.asarray([image for image, _ in part], np.uint8).reshape(len(part), *image_size, 3),
            np.asarray([kind for _, kind in part], np.int64),
        )
        for part in (train, test)
    )
    return a, b


def _image(path: Path, size: tuple[int, int]) -> Array:
    try:
        from PIL import Image
    except ImportError:
        raise InvalidTypeError(
            "[flowers] photographs are JPEG, which needs Pillow: pip install pillow"
        ) from None
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB").resize(size[::-1], Image.Resampling.BILINEAR))
    except OSError as error:
        raise FormatError(
            f"[flowers] {path} cannot be read: {error}; fetch the file again"
        ) from None
