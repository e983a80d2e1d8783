"""Variables: named values that change, such as weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from penstock import _native, ops
from penstock._migration import method_hint
from penstock._native import Tensor
from penstock._numpy_functions import array_ufunc
from penstock.errors import GraphError, InvalidTypeError, ShapeError
from penstock.graph import eagerly
from penstock.ops import asarray
from penstock.ops.indexed_slices import IndexedSlices
from penstock.row_updates import update_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock._native import Dim, DType
    from penstock.annotations import DTypeLike, TensorLike

_BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]
_COMPARE = ["lt", "le", "gt", "ge", "eq", "ne"]
_UNARY = ["neg", "pos", "abs", "invert", "float", "int", "bool", "index", "iter"]
_INPLACE = {"add": "v.assign_add(x)", "sub": "v.assign_sub(x)", "mul": "v.assign(v * x)"}
_INPLACE |= {"truediv": "v.assign(v / x)", "floordiv": "v.assign(v // x)"}
_INPLACE |= {"pow": "v.assign(v ** x)", "matmul": "v.assign(v @ x)", "mod": "v.assign(v % x)"}


class Variable:
    """Hold a tensor that later writes replace.

    Reading gives the value at that point of the program; a write publishes a new value and leaves the old one to
    whoever holds it. In a traced function reads and writes become part of the graph, in program order. What a tensor
    has, such as `v.T` or `v.sum()`, a variable has too: it is read first.

    Args:
        value: The first value.
        name: For graphs and messages.
        trainable: Gradient tapes watch it when it is read.
        dtype: By default the value's.

    Raises:
        GraphError: The first value is a tensor of a graph under construction.

    `copy.deepcopy` and `pickle` make another variable, with the value of that moment.

    >>> import penstock as ps
    >>> v = ps.Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0])
    Tensor([2., 3.], shape=(2,), dtype=float32)
    >>> v * 2
    Tensor([4., 6.], shape=(2,), dtype=float32)
    """

    __array_ufunc__ = array_ufunc

    def __init__(
        self,
        value: TensorLike,
        name: str = "variable",
        trainable: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        with (
            eagerly()
        ):  # also while a graph is built, for instance to make a variable on the first call
            self._handle = _native.Variable(asarray(value, dtype=dtype), name, trainable)

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._handle.name

    @property
    def trainable(self) -> bool:
        """Whether gradient tapes watch it."""
        return self._handle.trainable

    @property
    def dtype(self) -> DType:
        """The dtype of every value it holds."""
        return self._handle.dtype

    @property
    def shape(self) -> tuple[int | Dim, ...]:
        """The shape of every value it holds."""
        return self._handle.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def value(self) -> Tensor:
        """The value now; while a graph is built, the value when it runs."""
        return ops.read_variable(self)  # type: ignore[arg-type]

    def assign(self, value: TensorLike) -> Tensor:
        """Replace the value.

        Args:
            value: A tensor or array of the variable's shape and dtype. Python's numbers and lists take the dtype.

        Returns:
            The new value.

        Raises:
            ShapeError: The shape differs.
            DTypeError: The dtype differs.
        """
        # Tensors, arrays, NumPy's numbers, variables; but not numbers among a traced function's arguments.
        strong = hasattr(value, "__array__") and not (isinstance(value, Tensor) and value.weak)
        value = asarray(value, dtype=None if strong else self.dtype)
        return ops.assign_variable(value, self)  # type: ignore[arg-type]

    def assign_add(self, delta: TensorLike) -> Tensor:
        """Add `delta` to the value, and return the new value; of slices only the rows are touched."""
        if isinstance(delta, IndexedSlices):
            return self.scatter_add(delta)
        return self.assign(ops.add(self.value, delta))

    def assign_sub(self, delta: TensorLike) -> Tensor:
        """Subtract `delta` from the value, and return the new value; of slices only the rows are touched."""
        if isinstance(delta, IndexedSlices):
            return self.scatter_sub(delta)
        return self.assign(ops.subtract(self.value, delta))

    def scatter_add(self, slices: IndexedSlices) -> Tensor:
        """Add rows to some rows of the value, and return the new value.

        float32 values that nobody else holds are changed in their own memory: the step costs what its rows cost,
        however large the variable is. That goes for all methods named scatter.

        Args:
            slices: The rows and their indices; an index that occurs several times adds up.

        Raises:
            InvalidTypeError: `slices` are no IndexedSlices.
            ShapeError: They belong to another shape.
            IndexError: An index is out of range.

        >>> import penstock as ps
        >>> v = ps.Variable([[1.0], [2.0], [3.0]])
        >>> v.scatter_add(ps.IndexedSlices([[10.0]], [1], v.shape))[:, 0]
        Tensor([ 1., 12.,  3.], shape=(3,), dtype=float32)
        """
        rows = self._rows_of(slices, "scatter_add")
        return update_rows(ops.scatter_add, [self], [slices.indices, rows])

    def scatter_sub(self, slices: IndexedSlices) -> Tensor:
        """Subtract rows from some rows of the value, and return the new value: a step of gradient descent.

        Args:
            slices: The rows and their indices; an index that occurs several times counts as often.

        Raises:
            InvalidTypeError: `slices` are no IndexedSlices.
            ShapeError: They belong to another shape.
            IndexError: An index is out of range.

        >>> import penstock as ps
        >>> table = ps.Variable([[1.0], [2.0], [3.0]])
        >>> with ps.GradientTape() as tape:
        ...     loss = ps.sum(ps.nn.embedding(table, [0, 0, 2]))
        >>> table.scatter_sub(0.5 * tape.gradient(loss, table))[:, 0]
        Tensor([0. , 2. , 2.5], shape=(3,), dtype=float32)
        """
        rows = self._rows_of(slices, "scatter_sub")
        return update_rows(ops.scatter_add, [self], [slices.indices, -rows])

    def scatter_update(self, slices: IndexedSlices) -> Tensor:
        """Put rows in place of some rows of the value, and return the new value.

        Args:
            slices: The rows and their indices; of an index that occurs several times the last counts.

        Raises:
            InvalidTypeError: `slices` are no IndexedSlices.
            ShapeError: They belong to another shape.
            IndexError: An index is out of range.

        >>> import penstock as ps
        >>> v = ps.Variable([[1.0], [2.0], [3.0]])
        >>> v.scatter_update(ps.IndexedSlices([[10.0]], [1], v.shape))[:, 0]
        Tensor([ 1., 10.,  3.], shape=(3,), dtype=float32)
        """
        rows = self._rows_of(slices, "scatter_update")
        return update_rows(ops.scatter, [self], [slices.indices, rows])

    def scatter_adam(
        self,
        slices: IndexedSlices,
        m: Variable,
        v: Variable,
        learning_rate: TensorLike,
        step: TensorLike,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> Tensor:
        """Take a step of Adam on some rows of three variables, as `penstock.ops.adam_update_rows` says.

        Args:
            slices: The gradient.
            m: Its running mean, of this variable's shape.
            v: The running mean of its square, likewise.
            learning_rate: [], a single number.
            step: [], a single number that counts from 1.
            beta_1: How much of m stays.
            beta_2: How much of v stays.
            epsilon: Keeps the divisor away from zero.

        Returns:
            The new value.

        Raises:
            InvalidTypeError: `slices` are no IndexedSlices.
            ShapeError: The shapes do not fit together.
            IndexError: An index is out of range.
        """
        rows = self._rows_of(slices, "scatter_adam")
        scalars = [asarray(s, dtype=self.dtype) for s in (learning_rate, step)]
        attrs = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        return update_rows(
            ops.adam_update_rows, [self, m, v], [slices.indices, rows], scalars, attrs
        )

    def _rows_of(self, slices: Any, method: str) -> Tensor:
        """Return the rows of slices that belong to this variable, in its dtype."""
        if not isinstance(slices, IndexedSlices):
            raise InvalidTypeError(
                f"[Variable.{method}] got {type(slices).__name__} for variable {self.name!r}; give rows: "
                "penstock.IndexedSlices(values, indices, variable.shape)"
            )
        if str(slices.dense_shape) != str(self.shape):
            raise ShapeError(
                f"[Variable.{method}] the slices belong to shape {slices.dense_shape}, variable {self.name!r} has "
                f"{self.shape}; give its shape as dense_shape"
            )
        rows = slices.values
        return rows if rows.dtype == self.dtype else ops.cast(rows, self.dtype)

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the value now as a NumPy array."""
        return self._handle.read().numpy()

    def __reduce__(self) -> tuple[Any, ...]:
        return Variable, (self._handle.read(), self.name, self.trainable)

    def __penstock_tensor__(self) -> Tensor:
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __getitem__(self, key: Any) -> Tensor:
        return self.value[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(Tensor, name):
            # Protocols ask for names like __penstock_parts__ all the time: no hint is looked up for those.
            hint = "" if name.startswith("_") else method_hint(name)
            raise AttributeError(
                f"a Variable has no attribute {name!r}, and neither has a Tensor{hint}"
            )
        return getattr(self.value, name)

    def __len__(self) -> int:
        return len(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else repr(self)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        facts = f"shape={self.shape}, dtype={self.dtype.name}, trainable={self.trainable}"
        start = f"Variable({self.name!r}, "
        try:
            values = np.array2string(self.numpy(), separator=", ", prefix=start)
        except GraphError:  # of penstock.v1, before it was initialised
            values = "no value yet"
        return f"{start}{values}, {facts})"

    if TYPE_CHECKING:  # made below, by _delegate

        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __rfloordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __rmod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: object) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: object) -> Tensor: ...  # type: ignore[override]
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __float__(self) -> float: ...
        def __int__(self) -> int: ...
        def __bool__(self) -> bool: ...
        def __index__(self) -> int: ...
        def __iter__(self) -> Iterator[Tensor]: ...


def _delegate(name: str) -> None:
    """Give Variable an operator of Tensor: it reads the variable first."""

    def operator(self: Variable, *others: Any) -> Any:
        return getattr(self.value, name)(
            *[o.value if isinstance(o, Variable) else o for o in others]
        )

    operator.__name__ = name
    setattr(Variable, name, operator)


def _refuse(stem: str, instead: str) -> None:
    """Refuse `v += x`, which would turn the name v into a tensor: it says what writes the variable."""

    def operator(self: Variable, other: Any) -> NoReturn:
        raise InvalidTypeError(
            f"[Variable] variable {self.name!r} is not changed by an operator such as += or *=; to write the variable "
            f"use assign, assign_add or assign_sub: {instead}"
        )

    operator.__name__ = f"__i{stem}__"
    setattr(Variable, operator.__name__, operator)


for _stem, _instead in _INPLACE.items():
    _refuse(_stem, _instead)
for _stem in _BINARY:
    _delegate(f"__{_stem}__")
    _delegate(f"__r{_stem}__")
for _stem in _COMPARE + _UNARY:
    _delegate(f"__{_stem}__")
