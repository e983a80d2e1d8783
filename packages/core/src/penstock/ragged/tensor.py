"""The ragged tensor: what it is, its rows, its reductions, its arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock._native import Tensor
from penstock.errors import AxisError, GraphError, InvalidTypeError, InvalidValueError, ShapeError

if TYPE_CHECKING:
    from penstock._native import DType
    from penstock.annotations import TensorLike


class RaggedTensor:
    """Hold rows of different lengths: row i is `values[row_splits[i]:row_splits[i + 1]]`.

    Arithmetic works on the values: with numbers, with ragged tensors of the same rows, and with tensors
    [rows, 1] or [rows], which have one element for each row.

    Args:
        values: [total, ...], or a ragged tensor of `total` rows: all rows, one after the other.
        row_splits: [rows + 1], int32 or int64: where each row begins, and at last `total`.

    Raises:
        ShapeError: `row_splits` has not one axis, or is empty.
        InvalidValueError: `row_splits` does not rise from 0 to `total`.

    >>> import penstock as ps
    >>> ps.ragged.RaggedTensor([1.0, 2.0, 3.0], [0, 2, 2, 3]).tolist()
    [[1.0, 2.0], [], [3.0]]
    """

    __array_ufunc__ = None  # NumPy's arrays leave arithmetic to us

    def __init__(self, values: TensorLike | RaggedTensor, row_splits: TensorLike) -> None:
        self.values: Any = values if isinstance(values, RaggedTensor) else ops.asarray(values)
        self.row_splits = integers(row_splits, "row_splits")
        if (
            self.row_splits.ndim != 1
            or _known(self.row_splits.shape[0]) == 0
            or not _rows(self.values)
        ):
            raise ShapeError(
                f"[RaggedTensor] got row_splits of shape {self.row_splits.shape}; expected [rows + 1], and values "
                "with at least one axis: use penstock.ragged.constant for nested lists"
            )
        if not self.row_splits.is_symbolic:
            self._check_splits(self.row_splits.numpy())

    def _check_splits(self, splits: Any) -> None:
        total = _known(self._total)
        ends_well = total is None or splits[-1] == total
        if splits[0] != 0 or not ends_well or (np.diff(splits) < 0).any():
            raise InvalidValueError(
                f"[RaggedTensor] got row_splits {splits.tolist()[:8]}; they must rise from 0 to the number of values, "
                f"{self._total}; for lengths use penstock.ragged.from_row_lengths"
            )

    # ---- what it is

    @property
    def _total(self) -> Any:
        return self.values.nrows if isinstance(self.values, RaggedTensor) else self.values.shape[0]

    @property
    def nrows(self) -> Any:
        """How many rows there are."""
        return self.row_splits.shape[0] - 1

    @property
    def ragged_rank(self) -> int:
        """How many axes are ragged."""
        return 1 + (self.values.ragged_rank if isinstance(self.values, RaggedTensor) else 0)

    @property
    def flat_values(self) -> Tensor:
        """The innermost values, a tensor."""
        return self.values.flat_values if isinstance(self.values, RaggedTensor) else self.values

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes of the axes; None for each ragged one."""
        return (self.nrows, None, *tuple(self.values.shape)[1:])

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return int(self.ragged_rank + self.flat_values.ndim)

    @property
    def dtype(self) -> DType:
        """The dtype of the values."""
        return self.flat_values.dtype

    def row_lengths(self) -> Tensor:
        """Return [rows], how long each row is."""
        return self.row_splits[1:] - self.row_splits[:-1]

    def row_ids(self) -> Tensor:
        """Return [total], the row to which each value belongs."""
        return ops.searchsorted(self.row_splits, self._places(), side="right") - 1

    def _places(self) -> Tensor:
        """0, 1, ... for each value, in the dtype of the splits."""
        total = self._total
        if isinstance(total, int):
            return ops.arange(total, dtype=self.row_splits.dtype)
        ones = ops.cast(ops.full((total,), 1, "int64"), self.row_splits.dtype)
        return ops.cumsum(ones) - 1

    def _positions(self) -> Tensor:
        """[total], the place of each value in its row."""
        return self._places() - ops.take(self.row_splits, self.row_ids())

    # ---- other values, the same rows

    def with_values(self, values: Any) -> RaggedTensor:
        """Return the same rows with other values.

        Args:
            values: As many as there are.

        Returns:
            A ragged tensor.

        Raises:
            ShapeError: There are more or fewer values.

        >>> import penstock as ps
        >>> ps.ragged.constant([[1], [2, 3]]).with_values([7, 8, 9]).tolist()
        [[7], [8, 9]]
        """
        values = values if isinstance(values, RaggedTensor) else ops.asarray(values)
        count = values.nrows if isinstance(values, RaggedTensor) else values.shape[0]
        if count != self._total:
            raise ShapeError(
                f"[RaggedTensor.with_values] got {count} values; expected {self._total}, as many as before"
            )
        return self.__penstock_whole__(values, self.row_splits)

    def with_flat_values(self, values: Any) -> RaggedTensor:
        """Return the same rows, at every level, with other innermost values."""
        if isinstance(self.values, RaggedTensor):
            return self.with_values(self.values.with_flat_values(values))
        return self.with_values(values)

    def astype(self, dtype: Any) -> RaggedTensor:
        """Return the same rows with values of another dtype."""
        return self.with_flat_values(ops.cast(self.flat_values, dtype))

    # ---- to tensors, lists, rows

    def to_dense(self, default: Any = 0, width: int | None = None) -> Tensor:
        """Fill rows up to one length.

        Args:
            default: What missing elements become.
            width: The length of the rows, longer ones are cut; None takes the longest, outside graphs.

        Returns:
            [rows, width, ...].

        Raises:
            GraphError: `width` is not given while the row splits are computed in a graph.

        >>> import penstock as ps
        >>> ps.ragged.constant([[1, 2], [3]]).to_dense(-1)
        Tensor([[ 1,  2],
                [ 3, -1]], shape=(2, 2), dtype=int64)
        """
        values = self.values
        if isinstance(values, RaggedTensor):
            values = values.to_dense(default)
        width = self._width("to_dense") if width is None else width
        inner = tuple(values.shape)[1:]
        missing = ops.full((1, *inner), default, values.dtype)
        padded = ops.concat([values, missing])
        splits = ops.cast(self.row_splits, "int64")
        columns = ops.arange(width, dtype="int64")
        places = ops.expand_dims(splits[:-1], 1) + columns
        exists = places < ops.expand_dims(splits[1:], 1)
        return ops.take(padded, ops.where(exists, places, splits[-1]), 0)

    def _width(self, name: str) -> int:
        if self.row_splits.is_symbolic:
            raise GraphError(
                f"[RaggedTensor.{name}] the longest row is not known while a graph is built; give width=..."
            )
        lengths = np.diff(self.row_splits.numpy())
        return int(lengths.max()) if lengths.size else 0

    def tolist(self) -> list[Any]:
        """Return nested lists."""
        splits = self.row_splits.numpy()
        values = self.values.tolist()
        return [values[a:b] for a, b in pairwise(splits)]

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return a NumPy array of objects, one array for each row."""
        rows = np.empty(self.nrows, object)
        for i, row in enumerate(self):
            rows[i] = row.numpy()
        return rows

    def __len__(self) -> int:
        return int(self.nrows)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        """Read a row, or a slice of rows; other indices are given to `gather`."""
        if isinstance(index, slice):
            return self.gather(np.arange(*index.indices(len(self))))
        if not isinstance(index, (int, np.integer)):
            return self.gather(index)
        if self.row_splits.is_symbolic:
            raise GraphError(
                "[RaggedTensor] the length of a row is not known while a graph is built; use to_dense(width=...)"
            )
        if not -len(self) <= index < len(self):
            raise AxisError(f"[RaggedTensor] row {index} is out of range for {len(self)} rows")
        row = int(index) % len(self)
        first, last = (int(v) for v in self.row_splits.numpy()[row : row + 2])
        return self.values[first:last]

    def gather(self, indices: TensorLike) -> RaggedTensor:
        """Take some rows, in any order; see `penstock.ragged.gather`."""
        chosen = integers(indices, "indices")
        if chosen.is_symbolic or self.row_splits.is_symbolic:
            raise GraphError(
                "[ragged.gather] the number of values is not known while a graph is built; call it outside, or gather "
                "rows of x.to_dense(width=...)"
            )
        rows, splits = chosen.numpy().astype(np.int64), self.row_splits.numpy().astype(np.int64)
        if rows.size and (rows.min() < -len(self) or rows.max() >= len(self)):
            raise AxisError(
                f"[ragged.gather] got rows from {rows.min()} to {rows.max()}; there are {len(self)}"
            )
        rows = rows % max(len(self), 1)
        lengths = splits[rows + 1] - splits[rows] if rows.size else rows
        ends = np.cumsum(lengths)
        total = int(ends[-1]) if ends.size else 0
        places = (
            np.arange(total) - np.repeat(ends - lengths, lengths) + np.repeat(splits[rows], lengths)
        )
        if isinstance(self.values, RaggedTensor):
            return RaggedTensor(self.values.gather(places), splits_of(lengths))
        return RaggedTensor(ops.take(self.values, places, 0), splits_of(lengths))

    # ---- reductions

    def _reduced(self, name: str, op: Any, axis: int | None, over_all: Any) -> Any:
        if axis is None:
            return over_all(self.flat_values)
        axis = _axis(axis, self.ndim, name)
        if axis > 1:
            inner = self.values
            if isinstance(inner, RaggedTensor):
                return self.with_values(inner._reduced(name, op, axis - 1, over_all))
            return self.with_values(over_all(inner, axis=axis - 1))
        if isinstance(self.values, RaggedTensor):
            raise InvalidValueError(
                f"[RaggedTensor.{name}] rows of rows have no {name} along axis {axis}; reduce the last ragged axis "
                f"first: x.{name}(axis={self.ragged_rank})"
            )
        if axis == 1:
            return op(self.values, self.row_ids(), self.nrows)
        return op(self.values, self._positions(), self._width(name))

    def sum(self, axis: int | None = None) -> Any:
        """Add up along an axis; an empty row has 0.

        Args:
            axis: 1 for each row, 0 for each column; None for everything.

        Returns:
            A tensor; or a ragged one, if ragged axes remain.

        Raises:
            AxisError: The axis is out of range.

        >>> import penstock as ps
        >>> ps.ragged.constant([[1, 2], [], [4]]).sum(axis=1)
        Tensor([3, 0, 4], shape=(3,), dtype=int64)
        """
        return self._reduced("sum", ops.segment_sum, axis, ops.sum)

    def mean(self, axis: int | None = None) -> Any:
        """Average along an axis; an empty row has 0.

        Args:
            axis: 1 for each row, 0 for each column; None for everything.

        Returns:
            A tensor; or a ragged one, if ragged axes remain.

        Raises:
            AxisError: The axis is out of range.

        >>> import penstock as ps
        >>> ps.ragged.constant([[1.0, 2.0], [4.0]]).mean(axis=1)
        Tensor([1.5, 4. ], shape=(2,), dtype=float32)
        """
        return self._reduced("mean", ops.segment_mean, axis, ops.mean)

    def max(self, axis: int | None = None) -> Any:
        """Take the largest along an axis; an empty row has -inf, or the smallest integer.

        Args:
            axis: 1 for each row, 0 for each column; None for everything.

        Returns:
            A tensor; or a ragged one, if ragged axes remain.

        Raises:
            AxisError: The axis is out of range.

        >>> import penstock as ps
        >>> ps.ragged.constant([[1.0, 5.0], [4.0]]).max(axis=1)
        Tensor([5., 4.], shape=(2,), dtype=float32)
        """
        return self._reduced("max", ops.segment_max, axis, ops.max)

    def min(self, axis: int | None = None) -> Any:
        """Take the smallest along an axis; an empty row has inf, or the largest integer.

        Args:
            axis: 1 for each row, 0 for each column; None for everything.

        Returns:
            A tensor; or a ragged one, if ragged axes remain.

        Raises:
            AxisError: The axis is out of range.

        >>> import penstock as ps
        >>> ps.ragged.constant([[1.0, 5.0], [4.0]]).min(axis=0)
        Tensor([1., 5.], shape=(2,), dtype=float32)
        """
        return self._reduced("min", ops.segment_min, axis, ops.min)

    # ---- arithmetic

    def _with(self, other: Any, fn: Callable[[Any, Any], Any]) -> RaggedTensor:
        if isinstance(other, RaggedTensor):
            need_same_rows(self, other)
            return self.with_flat_values(fn(self.flat_values, other.flat_values))
        other = other if isinstance(other, (int, float)) else ops.asarray(other)
        if isinstance(other, (int, float)) or other.ndim == 0:
            return self.with_flat_values(fn(self.flat_values, other))
        if self.ragged_rank > 1 or other.shape[0] != self.nrows:
            raise ShapeError(
                f"[RaggedTensor] got a tensor of shape {other.shape} beside {self.nrows} rows; expected a number, the "
                "same rows, or one element for each row: [rows] or [rows, 1]"
            )
        if other.ndim > 1:
            other = ops.squeeze(other, 1)
        each = ops.take(other, self.row_ids(), 0)
        more = self.values.ndim - each.ndim
        return self.with_values(fn(self.values, ops.reshape(each, (*each.shape, *(1,) * more))))

    def __add__(self, other: Any) -> RaggedTensor:
        return self._with(other, lambda a, b: a + b)

    def __radd__(self, other: Any) -> RaggedTensor:
        return self._with(other, lambda a, b: b + a)

    def __sub__(self, other: Any) -> RaggedTensor:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> RaggedTensor:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> RaggedTensor:
        return self._with(other, lambda a, b: a * b)

    def __rmul__(self, other: Any) -> RaggedTensor:
        return self._with(other, lambda a, b: b * a)

    def __truediv__(self, other: Any) -> RaggedTensor:
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> RaggedTensor:
        return self._with(other, lambda a, b: b / a)

    def __neg__(self) -> RaggedTensor:
        return self.with_flat_values(-self.flat_values)

    # ---- a structure of tensors

    def __penstock_parts__(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (self.values, self.row_splits), ()

    @classmethod
    def __penstock_whole__(cls, values: Any, row_splits: Any) -> RaggedTensor:
        made = cls.__new__(cls)
        made.values, made.row_splits = values, row_splits
        return made

    def __repr__(self) -> str:
        return f"RaggedTensor(values={self.values!r}, row_splits={self.row_splits!r})"


def _known(size: Any) -> int | None:
    return size if isinstance(size, int) else None


def _rows(values: Any) -> bool:
    return isinstance(values, RaggedTensor) or values.ndim > 0


def _axis(axis: int, ndim: int, name: str) -> int:
    if not -ndim <= axis < ndim:
        raise AxisError(
            f"[RaggedTensor.{name}] axis {axis} is out of range for {ndim} axes; use {-ndim} to {ndim - 1}"
        )
    return axis % ndim


def integers(x: TensorLike, name: str) -> Tensor:
    """Return int32 or int64 numbers; an empty list has no dtype of its own."""
    found = ops.asarray(x)
    if not found.is_symbolic and found.size == 0:
        return ops.zeros(found.shape, "int64")
    if found.dtype not in ("int32", "int64"):
        raise InvalidTypeError(
            f"[ragged] {name} is {found.dtype.name}; expected int32 or int64; convert it: "
            f"{name}.astype(penstock.int64)"
        )
    return found


def need_same_rows(a: RaggedTensor, b: RaggedTensor) -> None:
    """Compare row splits where they are known; in a graph only how many there are."""
    same = str(a.shape) == str(b.shape)
    if same and a.row_splits is not b.row_splits:
        one, other = a.row_splits, b.row_splits
        if not (one.is_symbolic or other.is_symbolic):
            same = np.array_equal(one.numpy(), other.numpy())
    if not same:
        raise ShapeError(
            f"[RaggedTensor] got rows of other lengths: {_lengths(a)} and {_lengths(b)}; expected the same rows"
        )
    if isinstance(a.values, RaggedTensor):
        need_same_rows(a.values, b.values)


def splits_of(lengths: TensorLike) -> Tensor:
    """Return where rows of these lengths begin, and where the last one ends."""
    found = integers(lengths, "row_lengths")
    sums = ops.cast(ops.cumsum(found), found.dtype)
    return ops.concat([ops.zeros((1,), found.dtype), sums])


def _lengths(x: RaggedTensor) -> str:
    return "unknown" if x.row_splits.is_symbolic else str(x.row_lengths().tolist()[:8])
