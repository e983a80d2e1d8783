"""SST-2: 9,613 sentences of film reviews from the Stanford Sentiment Treebank, good or bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from penstock.errors import FormatError
from penstock_keras_api.datasets import _files
from penstock_keras_api.datasets._splits import Array, strings

Part = tuple[Array, Array]


def load_data() -> tuple[Part, Part, Part]:
    """Load the sentences from the mirror.

    Returns:
        (x_train, y_train), (x_val, y_val), (x_test, y_test): 6,920, 872 and 1,821 strings, and 0 (bad) or 1 (good) in
        int64.

    Raises:
        DatasetNotFoundError: `PENSTOCK_MIRROR` has no datasets/sst2.
        FormatError: A line is no sentence, a tab and a label.

    >>> from penstock import keras
    >>> (x_train, y_train), validation, test = keras.datasets.sst2.load_data()  # doctest: +SKIP
    """
    a, b, c = (_read(_files.local("sst2", f"{part}.tsv")) for part in ("train", "dev", "test"))
    return a, b, c


def _read(path: Path) -> Part:
    rows = [line.split("\t") for line in path.read_text("utf-8").strip().split("\n")]
    for number, row in enumerate(rows, 1):
        if len(row) != 2 or row[1].strip() not in ("0", "1"):
            raise FormatError(
                f"[sst2] line {number} of {path} is {row}; expected a sentence, a tab and 0 or 1; fetch the file again"
            )
    return strings([text for text, _ in rows]), np.asarray([int(y) for _, y in rows], np.int64)
