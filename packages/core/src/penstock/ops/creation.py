"""Tensors from Python values, NumPy arrays, and rules."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import _native, dtypes, ops
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._gradients import NO_INPUTS, size_tensor
from penstock.ops._samples import FLOATS, INTEGERS

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, ShapeLike, TensorLike


@op(infer="full")
def full_(shape: ShapeLike, value: float, dtype: DTypeLike) -> Tensor:
    """Make a tensor of one value.

    Args:
        shape: Its sizes.
        value: The value.
        dtype: Its dtype, any but string.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: A size is negative.
        TypeError: `dtype` is string.

    Example:
        >>> penstock.full((2,), 7.0)
        Tensor([7., 7.], shape=(2,), dtype=float32)
    """


full_.not_differentiable(NO_INPUTS)


@full_.reference
def _(shape: Any, value: float, dtype: Any) -> Any:
    return np.full(shape, np.asarray(value).astype(dtype))


@full_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*FLOATS, *INTEGERS, "bool", "complex64"):
        yield Sample(((2, 3), 3.0, dtype), label=dtype)
    yield Sample(((), -np.inf, "float32"), label="0-d")
    yield Sample(((0, 2), 1.0, "float32"), label="empty")
    yield Sample((5, np.nan, "float64"), label="one size")


@full_.rejects
def _() -> Iterator[Reject]:
    yield Reject(((-1,), 0.0, "float32"), match="must not be negative")
    yield Reject(((2,), 0.0, "string"), error=TypeError, match="got string")


@op(infer="arange")
def arange_(start: float, stop: float, step: float, dtype: DTypeLike) -> Tensor:
    """Count from `start`, by `step`, to before `stop`: y[i] = start + i · step.

    Args:
        start: The first element.
        stop: Where to end; it is not an element.
        step: The distance between elements, which may be negative.
        dtype: Of the result, a real dtype.

    Returns:
        [⌈(stop - start) / step⌉], of `dtype`.

    Raises:
        ValueError: `step` is 0.
        TypeError: `dtype` is not a real dtype.

    Example:
        >>> penstock.arange(0, 10, 3)
        Tensor([0, 3, 6, 9], shape=(4,), dtype=int64)
    """


arange_.not_differentiable(NO_INPUTS)


@arange_.reference
def _(start: float, stop: float, step: float, dtype: Any) -> Any:
    length = max(int(np.ceil((stop - start) / step)), 0)
    return (start + step * np.arange(length, dtype=np.float64)).astype(dtype)


@arange_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS + INTEGERS:
        yield Sample((1.0, 9.0, 2.0, dtype), label=dtype)
    yield Sample((5.0, 0.0, -1.5, "float64"), label="backwards")
    yield Sample((3.0, 3.0, 1.0, "float32"), label="empty")
    yield Sample((3.0, 0.0, 1.0, "float32"), label="empty, wrong way")
    yield Sample((0.0, 5000.0, 1.0, "int64"), label="large")


@arange_.rejects
def _() -> Iterator[Reject]:
    yield Reject((0.0, 3.0, 0.0, "float32"), match="got step 0; use a positive or negative")
    yield Reject((0.0, 3.0, 1.0, "bool"), error=TypeError, match="got bool; expected")


def asarray(x: Any, dtype: DTypeLike | None = None) -> Tensor:
    """Convert to a tensor. A tensor of the right dtype is returned as it is.

    Args:
        x: A tensor, a Python number, nested lists of numbers or tensors, strings, a NumPy array, anything with
            `__dlpack__` or the buffer protocol.
        dtype: Of the result; by default that of x. Python's floats become float32 and its integers int64.

    Returns:
        [...], of `dtype`.

    Raises:
        TypeError: x is none of these.
        ValueError: The nested lists have no regular shape.

    Example:
        >>> penstock.asarray([[1, 2], [3, 4]], dtype="float32")
        Tensor([[1., 2.],
                [3., 4.]], shape=(2, 2), dtype=float32)
    """
    if isinstance(x, _native.Tensor):
        tensor = x
    elif hasattr(x, "__penstock_tensor__"):  # a variable
        tensor = x.__penstock_tensor__()
    elif isinstance(x, bool | int | float | complex) and not isinstance(x, np.generic):
        return _from_number(x, dtype)
    elif isinstance(x, _native.Dim):
        tensor = size_tensor(x, "int64")
    elif isinstance(x, str | bytes):
        tensor = _native.string_tensor([x], ())
    elif isinstance(x, list | tuple):
        tensor = _from_nested(x, dtype)
    else:
        tensor = _from_array(x)
    return tensor if dtype is None else ops.astype(tensor, dtype)


def _from_number(x: Any, dtype: DTypeLike | None) -> Tensor:
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    try:
        return _native.scalar_tensor(x, wanted)
    except OverflowError:
        if wanted == "uint64" and 0 <= x < 2**64:
            return _native.tensor_from_buffer(np.array(x, np.uint64))
        raise ValueError(
            f"[asarray] the number {x} does not fit {'int64' if wanted is None else wanted.name}; "
            "give dtype='uint64' up to 2**64 - 1, or a float"
        ) from None


def _from_nested(x: Any, dtype: DTypeLike | None) -> Tensor:
    if _holds_tensor(x):
        return ops.stack([asarray(item, dtype) for item in x])
    leaves = list(_leaves(x))
    _check_leaves(leaves, dtype)
    arrays = (v for v in leaves if isinstance(v, np.generic | np.ndarray))
    leaf = next((v for v in arrays if v.dtype in _DOUBLE), None)
    # As objects, because NumPy's own strings end at their last byte that is not zero.
    is_text = any(isinstance(v, str | bytes) for v in leaves)
    try:
        array = np.asarray(x, object if is_text else None)
    except ValueError:
        raise _ragged() from None
    if is_text and any(isinstance(item, list | tuple) for item in array.flat):
        raise _ragged()
    if array.dtype == np.float64 and not isinstance(leaf, np.generic | np.ndarray):
        # Straight to the dtype asked for: the digits of a Python float are not lost on the way.
        wanted = np.dtype(np.float32) if dtype is None else dtypes.to_numpy(dtype)
        array = array.astype(wanted if wanted.kind == "f" else np.float64)
    elif array.dtype == np.complex128 and dtype is None and not isinstance(leaf, np.generic):
        array = array.astype(np.complex64)
    return _from_array(array)


def _check_range(name: str, low: int, high: int, dtype: DTypeLike | None) -> None:
    """Refuse whole numbers that the dtype, by default int64, cannot hold."""
    kind = dtypes.as_dtype("int64" if dtype is None else dtype)
    if "signed" not in kind.kind:
        return
    held = np.iinfo(kind.name)
    if low < held.min or high > held.max:
        raise InvalidValueError(
            f"[{name}] {low if low < held.min else high} does not fit {kind.name}, which holds {held.min} to "
            f"{held.max}; give another dtype, such as dtype='float64'"
        )


_DOUBLE = (np.dtype(np.float64), np.dtype(np.complex128))  # wide by intent, unlike Python's own


def _leaves(x: Any) -> Iterator[Any]:
    for item in x:
        if isinstance(item, list | tuple):
            yield from _leaves(item)
        else:
            yield item


def _check_leaves(leaves: Sequence[Any], dtype: DTypeLike | None) -> None:
    """Refuse strings among numbers, and whole numbers out of range."""
    kinds = {type(leaf) for leaf in leaves}
    other = next((kind for kind in kinds if issubclass(kind, bool | int | float | complex)), None)
    if other is not None and any(issubclass(kind, str | bytes) for kind in kinds):
        raise InvalidTypeError(
            f"[asarray] the list mixes strings with {other.__name__}; give strings only or numbers only: convert "
            "with str(x) or float(x)"
        )
    if kinds and kinds <= {int, bool}:
        _check_range("asarray", min(leaves), max(leaves), dtype)


def _ragged() -> ValueError:
    return ValueError(
        "[asarray] the nested lists have no regular shape: all lists at one depth must be equally long; "
        "pad the shorter ones"
    )


def _holds_tensor(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return any(map(_holds_tensor, x))
    return isinstance(x, _native.Tensor | _native.Dim) or hasattr(x, "__penstock_tensor__")


def _from_array(x: Any) -> Tensor:
    if not isinstance(x, np.ndarray):
        if hasattr(x, "__dlpack__") and not isinstance(x, np.generic):
            return from_dlpack(x)
        try:
            x = np.asarray(x)
        except (TypeError, ValueError, RuntimeError):
            x = np.empty((), object)
    if x.dtype.kind == "O":
        wrong = next((item for item in x.flat if not isinstance(item, str | bytes)), "")
        if not isinstance(wrong, str):
            raise TypeError(
                f"[asarray] got {type(wrong).__name__}, which does not become a tensor; "
                "give numbers, strings, nested lists of these, or an array"
            )
    if x.dtype.kind in "OSU":
        return _native.string_tensor(x.ravel().tolist(), x.shape)
    if x.dtype.name == "bfloat16":  # of the package ml_dtypes
        return _native.tensor_from_buffer(x.view(np.uint16), dtypes.bfloat16)
    if x.dtype.kind not in "biufc" or x.dtype.itemsize > _WIDEST.get(x.dtype.kind, 8):
        raise TypeError(
            f"[asarray] NumPy's dtype {x.dtype} has no counterpart here; convert the array first, "
            "for example with x.astype('float64')"
        )
    return _native.tensor_from_buffer(x.astype(x.dtype.newbyteorder("="), copy=False))


_WIDEST = {"c": 16}  # bytes of an element; 8 where nothing is said


def from_dlpack(x: Any, /, *, copy: bool | None = None) -> Tensor:
    """Take over a tensor of another library by DLPack.

    Args:
        x: Anything with `__dlpack__`, such as a PyTorch, JAX or CuPy array.
        copy: False shares x's memory, which must not be written to from then on. By default memory of the host is
            copied, and memory of a device is shared.

    Returns:
        A tensor of x's shape and dtype.

    Raises:
        TypeError: x has no `__dlpack__`, or its dtype is unknown here.

    Example:
        >>> penstock.from_dlpack(np.arange(3))
        Tensor([0, 1, 2], shape=(3,), dtype=int64)
    """
    if not hasattr(x, "__dlpack__"):
        raise TypeError(
            f"[from_dlpack] {type(x).__name__} has no __dlpack__; use penstock.asarray instead"
        )
    try:
        capsule = x.__dlpack__(max_version=(1, 0))
    except TypeError:  # an older library, which cannot say that memory is read-only
        capsule = x.__dlpack__()
    shared = _native.from_dlpack_capsule(capsule)
    if copy or (copy is None and shared.device.startswith("cpu")):
        return _native.from_dlpack_capsule(shared.__dlpack__(copy=True))
    return shared


def full(shape: ShapeLike, fill_value: Any, dtype: DTypeLike | None = None) -> Tensor:
    """Make a tensor of one value.

    Args:
        shape: Its sizes.
        fill_value: The value: a Python number, or a tensor that broadcasts to `shape`.
        dtype: Its dtype; by default that of the value.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: A size is negative.
        TypeError: `dtype` is string.

    Example:
        >>> penstock.full((2, 2), 7)
        Tensor([[7, 7],
                [7, 7]], shape=(2, 2), dtype=int64)
    """
    if type(fill_value) is int:
        _check_range("full", fill_value, fill_value, dtype)
    if type(fill_value) in (bool, int, float) and fill_value == float(fill_value):
        return full_(shape, float(fill_value), type(fill_value) if dtype is None else dtype)
    if isinstance(fill_value, float):  # NaN
        return full_(shape, fill_value, float if dtype is None else dtype)
    return ops.broadcast_to(asarray(fill_value, dtype), shape)


def zeros(shape: ShapeLike, dtype: DTypeLike = "float32") -> Tensor:
    """Make a tensor of zeros.

    Args:
        shape: Its sizes.
        dtype: Its dtype.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: A size is negative.

    Example:
        >>> penstock.zeros((2,))
        Tensor([0., 0.], shape=(2,), dtype=float32)
    """
    return full_(shape, 0.0, dtype)


def ones(shape: ShapeLike, dtype: DTypeLike = "float32") -> Tensor:
    """Make a tensor of ones.

    Args:
        shape: Its sizes.
        dtype: Its dtype.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: A size is negative.

    Example:
        >>> penstock.ones((2,), dtype="int32")
        Tensor([1, 1], shape=(2,), dtype=int32)
    """
    return full_(shape, 1.0, dtype)


def full_like(x: TensorLike, /, fill_value: Any, dtype: DTypeLike | None = None) -> Tensor:
    """Make a tensor of one value, in the shape of another tensor.

    Args:
        x: [...], any dtype.
        fill_value: The value.
        dtype: Its dtype; by default x's.

    Returns:
        x's shape, of `dtype`.

    Raises:
        TypeError: `dtype` is string.

    Example:
        >>> penstock.full_like([1.0, 2.0], 7)
        Tensor([7., 7.], shape=(2,), dtype=float32)
    """
    x = asarray(x)
    return full(x.shape, fill_value, x.dtype if dtype is None else dtype)


def zeros_like(x: TensorLike, /, dtype: DTypeLike | None = None) -> Tensor:
    """Make zeros in the shape of another tensor.

    Args:
        x: [...], any dtype.
        dtype: Its dtype; by default x's.

    Returns:
        x's shape, of `dtype`.

    Raises:
        TypeError: `dtype` is string.

    Example:
        >>> penstock.zeros_like([1.0, 2.0])
        Tensor([0., 0.], shape=(2,), dtype=float32)
    """
    return full_like(x, 0.0, dtype)


def ones_like(x: TensorLike, /, dtype: DTypeLike | None = None) -> Tensor:
    """Make ones in the shape of another tensor.

    Args:
        x: [...], any dtype.
        dtype: Its dtype; by default x's.

    Returns:
        x's shape, of `dtype`.

    Raises:
        TypeError: `dtype` is string.

    Example:
        >>> penstock.ones_like([1.0, 2.0])
        Tensor([1., 1.], shape=(2,), dtype=float32)
    """
    return full_like(x, 1.0, dtype)


def arange(
    start: float, /, stop: float | None = None, step: float = 1, dtype: DTypeLike | None = None
) -> Tensor:
    """Count from `start`, by `step`, to before `stop`; with one number from 0 to before that number.

    Args:
        start: The first element, or, alone, where to end.
        stop: Where to end; it is not an element.
        step: The distance between elements, which may be negative.
        dtype: Of the result; by default int64 for whole arguments and float32 for others.

    Returns:
        [⌈(stop - start) / step⌉], of `dtype`.

    Raises:
        ValueError: `step` is 0.
        TypeError: `dtype` is not a real dtype.

    Example:
        >>> penstock.arange(3)
        Tensor([0, 1, 2], shape=(3,), dtype=int64)
    """
    first, last = (0, start) if stop is None else (start, stop)
    if dtype is None:
        fractional = any(isinstance(v, float | np.floating) for v in (first, last, step))
        dtype = "float32" if fractional else "int64"
    if any(
        isinstance(v, int | np.integer) and not -(2**53) <= v <= 2**53 for v in (first, last, step)
    ):
        raise InvalidValueError(
            f"[arange] got start {first}, stop {last}, step {step}; whole numbers must be from -2**53 to 2**53: "
            "count from 0 and add the start"
        )
    return arange_(first, last, step, dtype)


def linspace(
    start: float, stop: float, /, num: int, *, dtype: DTypeLike = "float32", endpoint: bool = True
) -> Tensor:
    """Divide an interval evenly.

    Args:
        start: The first element.
        stop: The last element, or with `endpoint=False` the one that would follow.
        num: How many elements.
        dtype: Of the result, a float dtype.
        endpoint: Whether `stop` is an element.

    Returns:
        [num], of `dtype`.

    Raises:
        ValueError: `num` is negative.

    Example:
        >>> penstock.linspace(0.0, 1.0, 3)
        Tensor([0. , 0.5, 1. ], shape=(3,), dtype=float32)
    """
    if num < 0:
        raise ValueError(f"[linspace] got num={num}; the number of elements must not be negative")
    return ops.astype(asarray(np.linspace(start, stop, num, endpoint=endpoint)), dtype)


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: DTypeLike = "float32"
) -> Tensor:
    """Make a matrix with ones on a diagonal and zeros elsewhere.

    Args:
        n_rows: The number of rows.
        n_cols: The number of columns; by default that of rows.
        k: Which diagonal: 0 the main one, 1 the one above it, -1 the one below.
        dtype: Of the result.

    Returns:
        [n_rows, n_cols], of `dtype`.

    Raises:
        ValueError: A size is negative.

    Example:
        >>> penstock.eye(2)
        Tensor([[1., 0.],
                [0., 1.]], shape=(2, 2), dtype=float32)
    """
    return ops.one_hot(arange(k, k + n_rows), n_rows if n_cols is None else n_cols, dtype)
