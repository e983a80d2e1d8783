"""Gradients of tables from which rows were taken: the rows that changed, and where they belong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock._native import Tensor
from penstock.errors import ShapeError

if TYPE_CHECKING:
    from penstock._native import Dim, DType
    from penstock.annotations import TensorLike

_NUMBERS = (int, float, np.number)


class IndexedSlices:
    """Stand for a table that is zero but for some rows: row `indices[i]` gets `values[i]`.

    An index that occurs several times adds up. The gradient of `penstock.nn.embedding` is one, so a step on a large
    table costs what its rows cost. Wherever a tensor is expected it becomes one; `to_dense` does so on purpose.
    Multiplied or divided by a number it stays what it is.

    Args:
        values: [n, ...], the rows.
        indices: [n], int32 or int64: where they belong.
        dense_shape: The shape of the table.

    Raises:
        ShapeError: `values` has not one row of the table's shape for each index.

    >>> import penstock as ps
    >>> rows = ps.IndexedSlices(values=[[1.0, 2.0]], indices=[1], dense_shape=(3, 2))
    >>> (rows * 10).to_dense()
    Tensor([[ 0.,  0.],
            [10., 20.],
            [ 0.,  0.]], shape=(3, 2), dtype=float32)
    """

    __array_ufunc__ = None  # NumPy's arrays leave arithmetic to us

    def __init__(
        self, values: TensorLike, indices: TensorLike, dense_shape: Sequence[int | Dim]
    ) -> None:
        self.values: Tensor = ops.asarray(values)
        self.indices: Tensor = ops.asarray(indices)
        self.dense_shape = tuple(dense_shape)
        if self.indices.ndim != 1 or self.values.ndim != len(self.dense_shape):
            raise ShapeError(
                f"[IndexedSlices] got values of shape {self.values.shape} and indices of shape "
                f"{self.indices.shape} for a table of shape {self.dense_shape}; give one row of the table for each "
                "index: values [n, ...], indices [n]"
            )

    @property
    def shape(self) -> tuple[int | Dim, ...]:
        """The shape of the table."""
        return self.dense_shape

    @property
    def ndim(self) -> int:
        """The number of dimensions of the table."""
        return len(self.dense_shape)

    @property
    def dtype(self) -> DType:
        """The dtype of the rows."""
        return self.values.dtype

    def to_dense(self) -> Tensor:
        """Return the whole table: zeros, and the rows added up where they belong."""
        zeros = ops.full(self.dense_shape, 0, self.dtype)
        return ops.scatter_add(zeros, self.indices, self.values)

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the whole table as a NumPy array."""
        return self.to_dense().numpy()

    def __penstock_tensor__(self) -> Tensor:
        return self.to_dense()

    def __penstock_parts__(self) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
        """Name the tensors and the rest, for functions that return one; None while the shape is symbolic."""
        if all(isinstance(size, int) for size in self.dense_shape):
            return (self.values, self.indices), (self.dense_shape,)
        return None

    @classmethod
    def __penstock_whole__(cls, values: Any, indices: Any, dense_shape: Any) -> IndexedSlices:
        made = cls.__new__(cls)
        made.values, made.indices, made.dense_shape = values, indices, dense_shape
        return made

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def _scaled(self, values: Tensor) -> IndexedSlices:
        return IndexedSlices(values, self.indices, self.dense_shape)

    def __mul__(self, other: Any) -> Any:
        if _is_number(other):
            return self._scaled(self.values * other)
        return self.to_dense() * other

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if _is_number(other):
            return self._scaled(self.values / other)
        return self.to_dense() / other

    def __neg__(self) -> IndexedSlices:
        return self._scaled(-self.values)

    def __add__(self, other: Any) -> Any:
        return add_slices(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return add_slices(self, -other)

    def __rsub__(self, other: Any) -> Any:
        return add_slices(-self, other)

    def __repr__(self) -> str:
        return (
            f"IndexedSlices(values={self.values!r}, indices={self.indices!r}, "
            f"dense_shape={self.dense_shape})"
        )


def add_slices(a: Any, b: Any) -> Any:
    """Add what flows together: slices of one table stay slices, anything else becomes a tensor."""
    if isinstance(a, IndexedSlices) and isinstance(b, IndexedSlices):
        indices = [
            i if i.dtype == "int64" else ops.cast(i, "int64") for i in (a.indices, b.indices)
        ]
        values = ops.concat([a.values, b.values])
        return IndexedSlices(values, ops.concat(indices), a.dense_shape)
    if isinstance(a, IndexedSlices):
        a, b = b, a
    if isinstance(b, IndexedSlices) and str(ops.asarray(a).shape) == str(b.shape):
        return ops.scatter_add(a, b.indices, b.values)  # without another table of zeros
    return ops.add(dense(a), dense(b))


def dense(value: Any) -> Any:
    """Return the tensor that a rule expects for what flows in; None stays."""
    return value.to_dense() if isinstance(value, IndexedSlices) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, _NUMBERS) or (isinstance(value, Tensor) and value.ndim == 0)
