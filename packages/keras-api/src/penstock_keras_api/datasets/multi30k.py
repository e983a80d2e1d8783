"""Multi30k: captions of photographs, in English and German."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from penstock.errors import FormatError
from penstock_keras_api.datasets import _files
from penstock_keras_api.datasets._splits import Array, strings

_PARTS = ("train", "val", "test_2016_flickr")
Pairs = tuple[Array, Array]


def load_data(source: str = "en", target: str = "de") -> tuple[Pairs, Pairs, Pairs]:
    """Load pairs of sentences from the mirror.

    Args:
        source: The language to translate from.
        target: The language to translate into.

    Returns:
        (source, target) for training, validation and test: arrays of 29,000, 1,014 and 1,000 strings.

    Raises:
        DatasetNotFoundError: `PENSTOCK_MIRROR` has no such files in datasets/multi30k.
        FormatError: A file is damaged, or the two differ in length.

    >>> from penstock import keras
    >>> (english, german), validation, test = keras.datasets.multi30k.load_data()  # doctest: +SKIP
    """
    first, second, third = (_pairs(part, source, target) for part in _PARTS)
    return first, second, third


def _pairs(part: str, source: str, target: str) -> Pairs:
    x, y = (_lines(_files.local("multi30k", f"{part}.{name}.gz")) for name in (source, target))
    if len(x) != len(y):
        raise FormatError(
            f"[multi30k] {part} has {len(x)} sentences in {source} and {len(y)} in {target}; fetch both files again"
        )
    return strings(x), strings(y)


def _lines(path: Path) -> list[str]:
    try:
        return gzip.decompress(path.read_bytes()).decode("utf-8").strip().split("\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise FormatError(
            f"[multi30k] {path} cannot be read: {error}; fetch the file again"
        ) from None
