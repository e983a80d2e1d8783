"""Three series: airline passengers, temperatures, sunspots."""

from __future__ import annotations

import csv

import numpy as np

from penstock.errors import FormatError, InvalidValueError
from penstock_keras_api.datasets import _files
from penstock_keras_api.datasets._splits import Array

_SERIES = {
    "airline_passengers": "airline-passengers.csv",
    "daily_min_temperatures": "daily-min-temperatures.csv",
    "monthly_sunspots": "monthly-sunspots.csv",
}


def load_data(name: str = "daily_min_temperatures") -> tuple[Array, Array]:
    """Load a series from the mirror.

    Args:
        name: "airline_passengers" (144 months from 1949 on), "daily_min_temperatures" (3650 days in Melbourne, from
            1981 on) or "monthly_sunspots" (2820 months from 1749 on).

    Returns:
        Times as strings, such as "1981-01-31" or "1949-12", and values in float32.

    Raises:
        ValueError: There is no such series.
        DatasetNotFoundError: `PENSTOCK_MIRROR` has no such file in datasets/time_series.
        FormatError: A value is no number.

    >>> from penstock import keras
    >>> days, degrees = keras.datasets.time_series.load_data()  # doctest: +SKIP
    """
    if name not in _SERIES:
        raise InvalidValueError(
            f"[time_series] got name={name!r}; expected one of {', '.join(_SERIES)}"
        )
    path = _files.local("time_series", _SERIES[name])
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row][1:]
    try:
        return np.asarray([row[0] for row in rows]), np.asarray(
            [row[1] for row in rows], np.float32
        )
    except (ValueError, IndexError) as error:
        raise FormatError(
            f"[time_series] {path} cannot be read: {error}; expected a time and a number in each line; "
            "fetch the file again"
        ) from None
