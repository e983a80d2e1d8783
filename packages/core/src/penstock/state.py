"""Variables: named values that change, such as weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import _native, ops
from penstock._native import Tensor
from penstock.graph import eagerly
from penstock.ops import asarray

if TYPE_CHECKING:
    from penstock._native import Dim, DType
    from penstock.annotations import DTypeLike, TensorLike

_BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]
_COMPARE = ["lt", "le", "gt", "ge", "eq", "ne"]
_UNARY = ["neg", "pos", "abs", "invert"]


class Variable:
    """Hold a tensor that later writes replace.

    Reading gives the value at that point of the program; a write publishes a new value and leaves the old one to
    whoever holds it. In a traced function reads and writes become part of the graph, in program order.

    Args:
        value: The first value.
        name: For graphs and messages.
        trainable: Gradient tapes watch it when it is read.
        dtype: By default the value's.

    Raises:
        GraphError: The first value is a tensor of a graph under construction.

    >>> import penstock as ps
    >>> v = ps.Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0])
    Tensor([2., 3.], shape=(2,), dtype=float32)
    >>> v * 2
    Tensor([4., 6.], shape=(2,), dtype=float32)
    """

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
            value: A tensor of the variable's shape and dtype.

        Returns:
            The new value.

        Raises:
            ShapeError: The shape differs.
            DTypeError: The dtype differs.
        """
        if not isinstance(value, Tensor):
            value = asarray(value, dtype=self.dtype)
        return ops.assign_variable(value, self)  # type: ignore[arg-type]

    def assign_add(self, delta: TensorLike) -> Tensor:
        """Add `delta` to the value, and return the new value."""
        return self.assign(ops.add(self.value, delta))

    def assign_sub(self, delta: TensorLike) -> Tensor:
        """Subtract `delta` from the value, and return the new value."""
        return self.assign(ops.subtract(self.value, delta))

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the value now as a NumPy array."""
        return self._handle.read().numpy()

    def __penstock_tensor__(self) -> Tensor:
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __getitem__(self, key: Any) -> Tensor:
        return self.value[key]

    def __len__(self) -> int:
        return len(self.value)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"Variable({self.name!r}, shape={self.shape}, dtype={self.dtype.name}, trainable={self.trainable})"


def _delegate(name: str) -> None:
    """Give Variable an operator of Tensor: it reads the variable first."""

    def operator(self: Variable, *others: Any) -> Any:
        return getattr(self.value, name)(
            *[o.value if isinstance(o, Variable) else o for o in others]
        )

    operator.__name__ = name
    setattr(Variable, name, operator)


for _stem in _BINARY:
    _delegate(f"__{_stem}__")
    _delegate(f"__r{_stem}__")
for _stem in _COMPARE + _UNARY:
    _delegate(f"__{_stem}__")
