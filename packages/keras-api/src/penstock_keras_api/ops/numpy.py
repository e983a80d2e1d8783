"""`keras.ops.numpy`: functions of NumPy's names."""

from __future__ import annotations

from penstock_keras_api.ops.numpy_rows import ROWS
from penstock_keras_api.ops.table import define

globals().update(define("numpy", ROWS))
__all__ = sorted(ROWS)  # noqa: PLE0605 - made of the table
