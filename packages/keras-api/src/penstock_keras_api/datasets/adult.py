"""Adult: 48,842 people of the census of 1994, and whether they earned more than 50,000 dollars."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from penstock.errors import FormatError
from penstock_keras_api.datasets import _files
from penstock_keras_api.datasets._splits import Array, strings

NUMBERS = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week")
COLUMNS = (
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship",
    "race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country",
)  # fmt: skip
Part = tuple[dict[str, Array], Array]


def load_data() -> tuple[Part, Part]:
    """Load Adult from the mirror.

    Returns:
        (x_train, y_train), (x_test, y_test): x is a dictionary of 14 columns [32561] or [16281], numbers in float32
        and words as strings, "?" where nothing is known; y is 1 for more than 50,000 dollars, in int64.

    Raises:
        DatasetNotFoundError: `PENSTOCK_MIRROR` has no datasets/adult.
        FormatError: A line has too few fields.

    >>> from penstock import keras
    >>> (x_train, y_train), _ = keras.datasets.adult.load_data()  # doctest: +SKIP
    >>> x_train["age"].shape  # doctest: +SKIP
    (32561,)
    """
    train = _read(_files.local("adult", "adult-train.csv"))
    return train, _read(_files.local("adult", "adult-test.csv"))


def _read(path: Path) -> Part:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, skipinitialspace=True) if row]
    for number, row in enumerate(rows, 1):
        if len(row) != len(COLUMNS) + 1:
            raise FormatError(
                f"[adult] row {number} of {path} has {len(row)} fields; expected {len(COLUMNS) + 1}; "
                "fetch the file again"
            )
    *columns, incomes = zip(*rows, strict=True)
    x = {
        name: np.asarray(values, np.float32) if name in NUMBERS else strings(values)
        for name, values in zip(COLUMNS, columns, strict=True)
    }
    return x, np.asarray([income.startswith(">") for income in incomes], np.int64)
