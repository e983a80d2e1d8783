"""Names for what functions accept; the words are also what `@op` reads in a signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np

if TYPE_CHECKING:
    from penstock._native import Dim, DType, Tensor

# The names inside are strings, so that this module imports nothing of the runtime.
TensorLike: TypeAlias = Union["Tensor", np.ndarray[Any, Any], complex, Sequence[Any]]
"""A tensor, or what becomes one: a NumPy array, a Python number, nested lists of these."""

DTypeLike: TypeAlias = Union["DType", str, np.dtype[Any], type]
"""`penstock.float32`, `"float32"`, `np.float32`, `np.dtype("float32")` or `float`."""

Ints: TypeAlias = int | Sequence[int]
"""One or several whole numbers, known when the op is called."""

Axis: TypeAlias = int | Sequence[int] | None
"""An axis, several axes, or None for all of them; negative axes count from the end."""

ShapeLike: TypeAlias = Union[int, "Dim", Sequence[Union[int, "Dim"]]]
"""Sizes of axes; while a function is traced they may be symbolic dimensions."""
