"""The two kinds of sparse tensors: coordinates, and rows in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock._native import Tensor
from penstock.errors import AxisError, GraphError, InvalidTypeError, ShapeError

if TYPE_CHECKING:
    from penstock._native import DType
    from penstock.annotations import TensorLike

_NUMBERS: Any = (int, float, complex, np.number)


class Sparse(ABC):
    """What both kinds share: they have values, a shape, and arithmetic by way of coordinates."""

    values: Tensor
    shape: tuple[int, ...]

    __array_ufunc__ = None  # NumPy's arrays leave arithmetic to us

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> DType:
        """The dtype of the values."""
        return self.values.dtype

    @property
    def nnz(self) -> Any:
        """How many elements are stored."""
        return self.values.shape[0]

    @abstractmethod
    def to_coo(self) -> CooTensor:
        """Return the same tensor as coordinates."""

    @abstractmethod
    def with_values(self, values: TensorLike) -> Any:
        """Return a tensor with other values at the same places."""

    def to_dense(self) -> Tensor:
        """Return the whole tensor; what is stored several times for one place adds up."""
        coo = self.to_coo()
        return ops.scatter_nd_add(ops.zeros(coo.shape, coo.dtype), coo.indices, coo.values)

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the whole tensor as a NumPy array."""
        return self.to_dense().numpy()

    def map_values(self, fn: Callable[[Tensor], TensorLike]) -> Any:
        """Apply a function to the stored values; it should keep 0.

        Args:
            fn: From [nnz] to [nnz].

        Returns:
            The same kind of tensor.

        Raises:
            ShapeError: The function returns another number of values.

        >>> import penstock as ps
        >>> ps.sparse.from_dense([[0.0, -2.0]]).map_values(ps.abs).to_dense()
        Tensor([[0., 2.]], shape=(1, 2), dtype=float32)
        """
        return self.with_values(fn(self.values))

    def astype(self, dtype: Any) -> Any:
        """Return the tensor with values of another dtype."""
        return self.with_values(ops.cast(self.values, dtype))

    def sum(self, axis: int | Sequence[int] | None = None) -> Tensor:
        """Add up along axes.

        Args:
            axis: One axis, or several; None for everything.

        Returns:
            A dense tensor without these axes.

        Raises:
            AxisError: An axis is out of range.

        >>> import penstock as ps
        >>> ps.sparse.from_dense([[1.0, 0.0], [2.0, 3.0]]).sum(axis=1)
        Tensor([1., 5.], shape=(2,), dtype=float32)
        """
        if axis is None:
            return ops.sum(self.values)
        gone = {axis_of(a, self.ndim, "sum") for a in ([axis] if isinstance(axis, int) else axis)}
        kept = [a for a in range(self.ndim) if a not in gone]
        if not kept:
            return ops.sum(self.values)
        coo = self.to_coo()
        zeros = ops.zeros([coo.shape[a] for a in kept], coo.dtype)
        return ops.scatter_nd_add(zeros, ops.take(coo.indices, kept, 1), coo.values)

    def __matmul__(self, other: Any) -> Tensor:
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops.transpose(matmul(self.to_coo().T, ops.transpose(ops.asarray(other))))

    def __neg__(self) -> Any:
        return self.with_values(-self.values)

    def __mul__(self, other: Any) -> Any:
        """Multiply by a number, or element by element with a tensor that broadcasts to the shape."""
        if isinstance(other, _NUMBERS) or (isinstance(other, Tensor) and other.ndim == 0):
            return self.with_values(self.values * other)
        if isinstance(other, Sparse):
            raise InvalidTypeError(
                "[sparse] two sparse tensors are not multiplied element by element; make one dense: a * b.to_dense()"
            )
        dense = ops.broadcast_to(ops.asarray(other), self.shape)
        return self.with_values(self.values * ops.gather_nd(dense, self.to_coo().indices))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self * (1 / other if isinstance(other, _NUMBERS) else 1 / ops.asarray(other))

    def __add__(self, other: Any) -> Any:
        """Add a sparse tensor, which stays sparse, or a dense one."""
        coo = self.to_coo()
        if not isinstance(other, Sparse):
            dense = ops.broadcast_to(ops.asarray(other), self.shape)
            return ops.scatter_nd_add(dense, coo.indices, ops.cast(coo.values, dense.dtype))
        if self.shape != other.shape:
            raise ShapeError(
                f"[sparse.add] got shapes {self.shape} and {other.shape}; sparse tensors do not broadcast: "
                "give both one shape"
            )
        both = other.to_coo()
        joined = CooTensor(
            ops.concat([coo.values, both.values]),
            ops.concat([coo.indices, both.indices]),
            self.shape,
        )
        summed = joined if joined.values.is_symbolic else joined.coalesce()
        return summed.to_csr() if isinstance(self, CsrTensor) else summed

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + (-other if isinstance(other, Sparse) else -ops.asarray(other))

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __penstock_tensor__(self) -> Tensor:
        return self.to_dense()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)


class CooTensor(Sparse):
    """Hold a sparse tensor as coordinates: the element at `indices[i]` is `values[i]`.

    Places may come in any order, and several times: then their values add up.

    Args:
        values: [nnz], the stored elements.
        indices: [nnz, axes], int32 or int64: where they are.
        shape: The shape of the whole tensor.

    Raises:
        ShapeError: The parts do not fit together.
        AxisError: An index is outside the shape.

    >>> import penstock as ps
    >>> a = ps.sparse.CooTensor([1.0, 2.0], [[0, 2], [1, 0]], (2, 3))
    >>> a.to_dense()
    Tensor([[0., 0., 1.],
            [2., 0., 0.]], shape=(2, 3), dtype=float32)
    """

    def __init__(self, values: TensorLike, indices: TensorLike, shape: Sequence[int]) -> None:
        self.values = ops.asarray(values)
        self.indices = _as_index(indices, (0, len(shape)))
        self.shape = tuple(shape)
        fits = self.values.ndim == 1 and self.indices.ndim == 2
        if not fits or self.indices.shape[1] != self.ndim or self.indices.shape[0] != self.nnz:
            raise ShapeError(
                f"[CooTensor] got values of shape {self.values.shape} and indices of shape {self.indices.shape} for "
                f"the shape {self.shape}; give a row of {self.ndim} indices for each value: values [n], indices "
                f"[n, {self.ndim}]"
            )
        if not self.indices.is_symbolic and self.nnz:
            found = self.indices.numpy()
            wrong = (found < 0) | (found >= np.asarray(self.shape))
            if wrong.any():
                raise AxisError(
                    f"[CooTensor] the place {found[wrong.any(1)][0].tolist()} is outside the shape {self.shape}; "
                    "indices count from 0"
                )

    def to_coo(self) -> CooTensor:
        """Return the tensor itself."""
        return self

    def with_values(self, values: TensorLike) -> CooTensor:
        """Return a tensor with other values at the same places.

        Args:
            values: [nnz].

        Returns:
            A sparse tensor of the same shape.

        Raises:
            ShapeError: There are more or fewer values than places.

        >>> import penstock as ps
        >>> ps.sparse.eye(2).with_values([5.0, 6.0]).to_dense()
        Tensor([[5., 0.],
                [0., 6.]], shape=(2, 2), dtype=float32)
        """
        values = ops.asarray(values)
        if values.ndim != 1 or values.shape[0] != self.nnz:
            raise ShapeError(
                f"[CooTensor.with_values] got values of shape {values.shape}; expected {self.values.shape}, one for "
                "each stored place; build another tensor for other places"
            )
        return self.__penstock_whole__(values, self.indices, self.shape)

    def transpose(self, axes: Sequence[int] | None = None) -> CooTensor:
        """Swap axes; nothing is moved but indices.

        Args:
            axes: The old axis in each new place; None reverses them.

        Returns:
            The transposed tensor.

        Raises:
            AxisError: The axes are not a permutation.

        >>> import penstock as ps
        >>> ps.sparse.from_dense([[0.0, 7.0]]).transpose().to_dense()
        Tensor([[0.],
                [7.]], shape=(2, 1), dtype=float32)
        """
        order = list(range(self.ndim))[::-1] if axes is None else list(axes)
        order = [axis_of(a, self.ndim, "transpose") for a in order]
        if sorted(order) != list(range(self.ndim)):
            raise AxisError(
                f"[sparse.transpose] got axes {tuple(axes or ())} for {self.ndim} axes; name each of them once"
            )
        shape = tuple(self.shape[a] for a in order)
        return self.__penstock_whole__(self.values, ops.take(self.indices, order, 1), shape)

    @property
    def T(self) -> CooTensor:  # noqa: N802 - NumPy's name
        """The tensor with its axes reversed."""
        return self.transpose()

    def coalesce(self) -> CooTensor:
        """Sort the places row by row, and add up what is stored several times for one place.

        Returns:
            An equal tensor, in which each place occurs once.

        Raises:
            GraphError: The indices are computed in a graph, where the number of places cannot depend on data.

        >>> import penstock as ps
        >>> a = ps.sparse.CooTensor([1.0, 2.0, 4.0], [[1], [0], [1]], (2,)).coalesce()
        >>> a.values, a.indices.tolist()
        (Tensor([2., 5.], shape=(2,), dtype=float32), [[0], [1]])
        """
        if self.indices.is_symbolic:
            raise GraphError(
                "[sparse.coalesce] the number of places is not known while a graph is built; call it outside, or "
                "leave places that occur several times: everything else adds them up"
            )
        flat = np.ravel_multi_index(tuple(self.indices.numpy().T), self.shape) if self.ndim else 0
        found, places = np.unique(np.broadcast_to(flat, self.nnz), return_inverse=True)
        indices = np.stack(np.unravel_index(found, self.shape), 1) if self.ndim else found[:, None]
        values = ops.segment_sum(self.values, places, len(found))
        return self.__penstock_whole__(
            values, ops.asarray(indices.reshape(len(found), self.ndim).astype(np.int64)), self.shape
        )

    def to_csr(self) -> CsrTensor:
        """Return a matrix as rows in order. What is stored several times stays so.

        Returns:
            The matrix as values, columns and row splits.

        Raises:
            ShapeError: The tensor has not two axes.

        >>> import penstock as ps
        >>> ps.sparse.eye(3).to_csr().row_splits.tolist()
        [0, 1, 2, 3]
        """
        rows, columns = matrix_places(self, "to_csr")
        wide = ops.cast(rows, "int64") * self.shape[1] + ops.cast(columns, "int64")
        order = ops.argsort(wide)
        sorted_rows = ops.take(ops.cast(rows, "int64"), order)
        splits = ops.searchsorted(sorted_rows, ops.arange(self.shape[0] + 1, dtype="int64"))
        return CsrTensor.__penstock_whole__(
            ops.take(self.values, order), ops.take(columns, order), splits, self.shape
        )

    def __penstock_parts__(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (self.values, self.indices), (self.shape,)

    @classmethod
    def __penstock_whole__(cls, values: Any, indices: Any, shape: Any) -> CooTensor:
        made = cls.__new__(cls)
        made.values, made.indices, made.shape = values, indices, shape
        return made

    def __repr__(self) -> str:
        return f"CooTensor(values={self.values!r}, indices={self.indices!r}, shape={self.shape})"


class CsrTensor(Sparse):
    """Hold a sparse matrix row by row: row i has `values[row_splits[i]:row_splits[i + 1]]`, in these columns.

    Args:
        values: [nnz], the stored elements.
        columns: [nnz], int32 or int64: the column of each.
        row_splits: [rows + 1], where each row begins, and at last nnz.
        shape: (rows, columns) of the whole matrix.

    Raises:
        ShapeError: The parts do not fit together.
        AxisError: A column is outside the shape, or the row splits do not rise from 0 to nnz.

    >>> import penstock as ps
    >>> a = ps.sparse.CsrTensor([1.0, 2.0, 3.0], [2, 0, 1], [0, 1, 3], (2, 3))
    >>> a @ ps.asarray([[1.0], [10.0], [100.0]])
    Tensor([[100.],
            [ 32.]], shape=(2, 1), dtype=float32)
    """

    def __init__(
        self, values: TensorLike, columns: TensorLike, row_splits: TensorLike, shape: Sequence[int]
    ) -> None:
        self.values = ops.asarray(values)
        self.columns = _as_index(columns, (0,))
        self.row_splits = _as_index(row_splits, (0,))
        self.shape = tuple(shape)
        splits_fit = len(self.shape) == 2 and self.row_splits.shape == (self.shape[0] + 1,)
        if not splits_fit or self.columns.ndim != 1 or self.columns.shape[0] != self.nnz:
            raise ShapeError(
                f"[CsrTensor] got values of shape {self.values.shape}, columns {self.columns.shape} and row_splits "
                f"{self.row_splits.shape} for the shape {self.shape}; expected values [n], columns [n] and row_splits "
                "[rows + 1]"
            )
        if not (self.columns.is_symbolic or self.row_splits.is_symbolic):
            self._check_places()

    def _check_places(self) -> None:
        splits, columns = self.row_splits.numpy(), self.columns.numpy()
        if splits[0] != 0 or splits[-1] != self.nnz or (np.diff(splits) < 0).any():
            raise AxisError(
                f"[CsrTensor] got row_splits {splits.tolist()[:8]}; they must rise from 0 to the number of values, "
                f"{self.nnz}"
            )
        if columns.size and (columns.min() < 0 or columns.max() >= self.shape[1]):
            raise AxisError(
                f"[CsrTensor] got columns from {columns.min()} to {columns.max()} for {self.shape[1]} of them; "
                "columns count from 0"
            )

    @property
    def rows(self) -> Tensor:
        """[nnz], the row of each stored element."""
        places = (
            ops.arange(self.nnz, dtype="int64") if isinstance(self.nnz, int) else _counted(self)
        )
        splits = ops.cast(self.row_splits, "int64")
        return ops.searchsorted(splits, places, side="right") - 1

    def to_coo(self) -> CooTensor:
        """Return the same matrix as coordinates."""
        places = ops.stack([self.rows, ops.cast(self.columns, "int64")], 1)
        return CooTensor.__penstock_whole__(self.values, places, self.shape)

    def to_csr(self) -> CsrTensor:
        """Return the matrix itself."""
        return self

    def with_values(self, values: TensorLike) -> CsrTensor:
        """Return a matrix with other values at the same places.

        Args:
            values: [nnz].

        Returns:
            A matrix of the same shape.

        Raises:
            ShapeError: There are more or fewer values than places.

        >>> import penstock as ps
        >>> ps.sparse.eye(2).to_csr().with_values([5.0, 6.0]).sum()
        Tensor(11., shape=(), dtype=float32)
        """
        self.to_coo().with_values(values)  # the same checks
        return self.__penstock_whole__(
            ops.asarray(values), self.columns, self.row_splits, self.shape
        )

    @property
    def T(self) -> CsrTensor:  # noqa: N802 - NumPy's name
        """The matrix with rows and columns swapped."""
        return self.to_coo().T.to_csr()

    def __penstock_parts__(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (self.values, self.columns, self.row_splits), (self.shape,)

    @classmethod
    def __penstock_whole__(
        cls, values: Any, columns: Any, row_splits: Any, shape: Any
    ) -> CsrTensor:
        made = cls.__new__(cls)
        made.values, made.columns, made.row_splits, made.shape = values, columns, row_splits, shape
        return made

    def __repr__(self) -> str:
        return (
            f"CsrTensor(values={self.values!r}, columns={self.columns!r}, row_splits={self.row_splits!r}, "
            f"shape={self.shape})"
        )


def _counted(a: CsrTensor) -> Tensor:
    """0, 1, ... for each stored element, where their number is a symbol."""
    return ops.cumsum(ops.cast(ops.ones_like(a.columns), "int64")) - 1


def axis_of(axis: int, ndim: int, name: str) -> int:
    """Return an axis that is not negative, or refuse it."""
    if not -ndim <= axis < ndim:
        raise AxisError(
            f"[sparse.{name}] axis {axis} is out of range for {ndim} axes; use {-ndim} to {ndim - 1}"
        )
    return axis % ndim


def _as_index(indices: TensorLike, empty: tuple[int, ...]) -> Tensor:
    """Indices as int32 or int64; an empty list has no dtype of its own."""
    found = ops.asarray(indices)
    if not found.is_symbolic and found.size == 0 and found.dtype.kind == "float":
        return ops.zeros(found.shape if found.ndim == len(empty) else empty, "int64")
    if found.dtype not in ("int32", "int64"):
        raise InvalidTypeError(
            f"[sparse] indices are {found.dtype.name}; expected int32 or int64; convert them: "
            "indices.astype(penstock.int64)"
        )
    return found


def matrix_places(a: CooTensor, name: str) -> tuple[Tensor, Tensor]:
    """Return the rows and the columns of what a matrix stores."""
    if a.ndim != 2:
        raise ShapeError(
            f"[sparse.{name}] got a sparse tensor of shape {a.shape}; expected a matrix; "
            "split the leading axes, or use to_dense()"
        )
    return a.indices[:, 0], a.indices[:, 1]


def matmul(a: Any, x: TensorLike) -> Tensor:
    """Multiply a sparse matrix with a dense one, or with a vector.

    Gradients flow into the values of a and into x. Nothing of the size of a dense a is made.

    Args:
        a: [m, k], a CooTensor or CsrTensor.
        x: [k, n] or [k], of a dtype that promotes with a's.

    Returns:
        [m, n] or [m], dense.

    Raises:
        ShapeError: The shapes do not fit.
        InvalidTypeError: a is not sparse.

    >>> import penstock as ps
    >>> ps.sparse.matmul(ps.sparse.eye(2) * 3, ps.asarray([1.0, 2.0]))
    Tensor([3., 6.], shape=(2,), dtype=float32)
    """
    if not isinstance(a, Sparse):
        raise InvalidTypeError(
            f"[sparse.matmul] got {type(a).__name__} on the left; expected a sparse matrix: "
            "penstock.sparse.from_dense(a)"
        )
    x = x.to_dense() if isinstance(x, Sparse) else ops.asarray(x)
    coo = a.to_coo()
    rows, columns = matrix_places(coo, "matmul")
    if x.ndim not in (1, 2) or x.shape[0] != a.shape[1]:
        raise ShapeError(
            f"[sparse.matmul] got shapes {a.shape} and {x.shape}; expected [m, k] and [k, n] or [k]; "
            "transpose or reshape the second"
        )
    wide = ops.expand_dims(x, 1) if x.ndim == 1 else x
    y = ops.sparse_matmul(coo.values, rows, columns, wide, a.shape[0])
    return ops.squeeze(y, 1) if x.ndim == 1 else y
