"""`KerasTensor`: what stands for a tensor while a model is put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import penstock as ps
from penstock.errors import InvalidTypeError, ShapeError
from penstock_keras_api import config
from penstock_keras_api.naming import auto_name

if TYPE_CHECKING:
    from penstock_keras_api.operation import Operation

Shape = tuple[int | None, ...]


class History(NamedTuple):
    """Which call of which operation made a tensor."""

    operation: Operation
    node_index: int
    tensor_index: int


class KerasTensor:
    """Stand for a tensor of known dtype and shape, without values.

    Layers, operators and `keras.ops` take it and return others; `keras.Model(inputs, outputs)` makes a model of them.

    Args:
        shape: Its sizes; None for one that is not known.
        dtype: Its dtype.
        sparse: Whether it stands for a sparse tensor.
        ragged: Whether it stands for a ragged one.
        record_history: Kept for compatibility.
        name: A name; it is made if there is none.

    >>> from penstock import keras
    >>> x = keras.KerasTensor((None, 3), name="x")
    >>> x
    <KerasTensor shape=(None, 3), dtype=float32, sparse=False, ragged=False, name=x>
    """

    _keras_history: History
    _keras_mask: Any = None

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._shape = standardize_shape(shape)
        self._dtype = ps.dtypes.as_dtype(dtype or config.floatx()).name
        self.sparse = bool(sparse)
        self.ragged = bool(ragged)
        self.record_history = record_history
        self.name = name or auto_name("keras_tensor")

    @property
    def shape(self) -> Shape:
        """The sizes; None where one is not known."""
        return self._shape

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    def __repr__(self) -> str:
        facts = f"shape={self.shape}, dtype={self.dtype}, sparse={self.sparse}"
        return f"<KerasTensor {facts}, ragged={self.ragged}, name={self.name}>"

    def __len__(self) -> NoReturn:
        raise _no_values(self, "has no length")

    def __iter__(self) -> NoReturn:
        raise _no_values(self, "cannot be iterated over")

    def __bool__(self) -> NoReturn:
        raise _no_values(self, "is neither true nor false")

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise _no_values(self, "is no array")

    def __penstock_tensor__(self) -> NoReturn:
        raise _no_values(
            self, "cannot be given to Penstock's ops; use keras.ops, or put the code into a layer"
        )

    def reshape(self, newshape: Sequence[int | None]) -> Any:
        """Give it other sizes."""
        return _ops().reshape(self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """Leave out axes of size 1."""
        return _ops().squeeze(self, axis)

    def __getitem__(self, key: Any) -> Any:
        return _ops().get_item(self, key)

    def __round__(self, ndigits: int | None = None) -> Any:
        return _ops().round(self, ndigits or 0)


def _no_values(t: KerasTensor, what: str) -> InvalidTypeError:
    return InvalidTypeError(
        f"[KerasTensor] {t.name!r} stands for a tensor and has no values: it {what}; call a model on data for values"
    )


def _ops() -> Any:
    from penstock_keras_api import ops  # imports this module

    return ops


_BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide", "mod": "mod",
    "pow": "power", "matmul": "matmul", "and": "logical_and", "or": "logical_or", "xor": "logical_xor",
}  # fmt: skip
_COMPARED = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "ne": "not_equal",
}  # fmt: skip
_UNARY = {"neg": "negative", "abs": "absolute", "invert": "logical_not"}


def _forward(name: str) -> Any:
    def operator(self: KerasTensor, other: Any) -> Any:
        return getattr(_ops(), name)(self, other)

    return operator


def _backward(name: str) -> Any:
    def operator(self: KerasTensor, other: Any) -> Any:
        return getattr(_ops(), name)(other, self)

    return operator


def _alone(name: str) -> Any:
    def operator(self: KerasTensor) -> Any:
        return getattr(_ops(), name)(self)

    return operator


for _stem, _name in _BINARY.items():
    setattr(KerasTensor, f"__{_stem}__", _forward(_name))
    setattr(KerasTensor, f"__r{_stem}__", _backward(_name))
for _stem, _name in _COMPARED.items():
    setattr(KerasTensor, f"__{_stem}__", _forward(_name))
for _stem, _name in _UNARY.items():
    setattr(KerasTensor, f"__{_stem}__", _alone(_name))


def standardize_shape(shape: Any) -> Shape:
    """Check a shape and make a tuple of it.

    Raises:
        ValueError: It is none.
    """
    if shape is None or isinstance(shape, str | int):
        raise ShapeError(f"[shape] got {shape!r}; expected a tuple of sizes, such as (None, 3)")
    made = tuple(None if size is None else int(size) for size in shape)
    if any(size is not None and size < 0 for size in made):
        raise ShapeError(
            f"[shape] got {shape!r}; a size is at least 0, or None where it is not known"
        )
    return made


def is_keras_tensor(x: Any) -> bool:
    """Whether something stands for a tensor of a model under construction."""
    return isinstance(x, KerasTensor)
