"""`keras.ops.numpy`: functions of NumPy's names."""

from __future__ import annotations

from penstock_keras_api.ops import (
    numpy_counts,
    numpy_elements,
    numpy_nan,
    numpy_parts,
    numpy_quantiles,
    numpy_rows,
    numpy_windows,
)
from penstock_keras_api.ops.numpy_vectorize import vectorize
from penstock_keras_api.ops.table import define

_TABLES = (
    numpy_rows, numpy_elements, numpy_nan, numpy_quantiles, numpy_windows, numpy_parts, numpy_counts,
)  # fmt: skip
ROWS = {name: row for table in _TABLES for name, row in table.ROWS.items()}
globals().update(define("numpy", ROWS))
__all__ = [*sorted(ROWS), "vectorize"]  # noqa: PLE0604 - made of the tables
