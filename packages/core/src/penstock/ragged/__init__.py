"""Ragged tensors: rows of different lengths, held as all values in a row and the places where rows begin.

    words = penstock.ragged.constant([[1, 2, 3], [], [4]])
    words.sum(1), words.to_dense()          reductions over rows, padding
    penstock.ragged.map_values(fn, words)   any function of the values

Rows may themselves be ragged. A ragged tensor is a value that functions take and return; its parts are tensors.
"""

from penstock.ragged.joining import concat, gather, map_values, softmax, stack
from penstock.ragged.making import (
    constant,
    from_dense,
    from_row_ids,
    from_row_lengths,
    from_row_splits,
)
from penstock.ragged.tensor import RaggedTensor

__all__ = [
    "RaggedTensor",
    "concat",
    "constant",
    "from_dense",
    "from_row_ids",
    "from_row_lengths",
    "from_row_splits",
    "gather",
    "map_values",
    "softmax",
    "stack",
]
