"""What a value of the graph is in C: its type, its size, and where its elements lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

C_TYPES: Final = {
    "float32": "float",
    "float64": "double",
    "bool": "uint8_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
}


@dataclass(eq=False)
class Value:
    """A tensor of the program.

    Args:
        name: Its name in C.
        dtype: The name of its dtype.
        shape: Its sizes, all known.
        array: Its elements, if it is a constant.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    array: Any = None

    @property
    def c_type(self) -> str:
        """The C type of its elements."""
        return C_TYPES[self.dtype]

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def item_bytes(self) -> int:
        """The bytes of one element."""
        return int(np.dtype(self.dtype).itemsize)

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.size * self.item_bytes

    @property
    def is_float(self) -> bool:
        """Whether its elements are real numbers."""
        return self.dtype.startswith("float")

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


def row_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many elements apart neighbours along each axis are."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
