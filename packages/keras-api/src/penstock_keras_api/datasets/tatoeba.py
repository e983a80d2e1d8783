"""Tatoeba: 169,197 short sentences in English and German."""

from __future__ import annotations

import zipfile

from penstock.errors import FormatError
from penstock_keras_api.datasets import _files
from penstock_keras_api.datasets._splits import Array, strings


def load_data() -> tuple[Array, Array]:
    """Load pairs of sentences from the mirror, the shortest first.

    Returns:
        English and German: arrays of 169,197 strings.

    Raises:
        DatasetNotFoundError: `PENSTOCK_MIRROR` has no datasets/tatoeba_deu_eng.
        FormatError: The file is damaged.

    >>> from penstock import keras
    >>> english, german = keras.datasets.tatoeba.load_data()  # doctest: +SKIP
    """
    path = _files.local("tatoeba_deu_eng", "deu-eng.zip")
    try:
        with zipfile.ZipFile(path) as archive:
            lines = archive.read("deu.txt").decode("utf-8").strip().split("\n")
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise FormatError(
            f"[tatoeba] {path} cannot be read: {error}; fetch the file again"
        ) from None
    pairs = [line.split("\t") for line in lines]
    return strings([pair[0] for pair in pairs]), strings([pair[1] for pair in pairs])
