"""Tensors made by a rule: constant ones, ranges, the identity."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import _native, ops
from penstock._native import Dim
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._gradients import NO_INPUTS
from penstock.ops._samples import FLOATS, INTEGERS
from penstock.ops.conversion import asarray, check_range, on_device
from penstock.ops.counting import counted, divided, is_whole

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


@op(infer="size_of")
def size_of(shape: ShapeLike, dtype: DTypeLike = "int64") -> Tensor:
    """Multiply sizes: the number of elements of a shape as a tensor, also while sizes are only symbols.

    Args:
        shape: Sizes; one number is one size.
        dtype: Of the result, a numeric one.

    Returns:
        [], of `dtype`.

    Raises:
        ValueError: A size is negative.
        TypeError: `dtype` is bool or string.

    Example:
        >>> penstock.ops.size_of((2, 3))
        Tensor(6, shape=(), dtype=int64)
    """


size_of.not_differentiable(NO_INPUTS)


@size_of.reference
def _(shape: Any, dtype: Any) -> Any:
    return np.asarray(math.prod(shape)).astype(dtype)


@size_of.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS + INTEGERS:
        yield Sample(((2, 3), dtype), label=dtype)
    yield Sample(((),), label="0-d")
    yield Sample(((3, 0, 2),), label="empty")
    yield Sample((7,), label="one size")


@size_of.rejects
def _() -> Iterator[Reject]:
    yield Reject(((2, -3),), match="sizes must not be negative")
    yield Reject(((2,), "bool"), error=TypeError, match="got bool; expected")


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


def full(
    shape: ShapeLike,
    fill_value: Any,
    dtype: DTypeLike | None = None,
    *,
    device: str | None = None,
) -> Tensor:
    """Make a tensor of one value.

    Args:
        shape: Its sizes.
        fill_value: The value: a Python number, or a tensor that broadcasts to `shape`.
        dtype: Its dtype; by default that of the value.
        device: Where it goes; by default the host.

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
    return on_device(_filled(shape, fill_value, dtype), device)


def _filled(shape: ShapeLike, fill_value: Any, dtype: DTypeLike | None) -> Tensor:
    if type(fill_value) is int:
        check_range("full", fill_value, fill_value, dtype)
    if type(fill_value) in (bool, int, float) and fill_value == float(fill_value):
        return full_(shape, float(fill_value), type(fill_value) if dtype is None else dtype)
    if isinstance(fill_value, float):  # NaN
        return full_(shape, fill_value, float if dtype is None else dtype)
    return ops.broadcast_to(asarray(fill_value, dtype), shape)


def _no_size(name: str, shape: Any, dtype: Any) -> Any:
    """Refuse a size in the place of the dtype: sizes are given as one."""
    if isinstance(dtype, int | _native.Dim):
        raise InvalidTypeError(
            f"[{name}] got {shape} and {dtype}; all sizes go into one tuple: penstock.{name}(({shape}, {dtype}))"
        )
    return dtype


def zeros(shape: ShapeLike, dtype: DTypeLike | None = None, *, device: str | None = None) -> Tensor:
    """Make a tensor of zeros.

    Args:
        shape: Its sizes.
        dtype: Its dtype; by default float32.
        device: Where it goes; by default the host.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: A size is negative.
        TypeError: `dtype` is a number, or string.

    Example:
        >>> penstock.zeros((2,))
        Tensor([0., 0.], shape=(2,), dtype=float32)
    """
    made = full_(shape, 0.0, "float32" if dtype is None else _no_size("zeros", shape, dtype))
    return on_device(made, device)


def ones(shape: ShapeLike, dtype: DTypeLike | None = None, *, device: str | None = None) -> Tensor:
    """Make a tensor of ones.

    Args:
        shape: Its sizes.
        dtype: Its dtype; by default float32.
        device: Where it goes; by default the host.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: A size is negative.
        TypeError: `dtype` is a number, or string.

    Example:
        >>> penstock.ones((2,), dtype="int32")
        Tensor([1, 1], shape=(2,), dtype=int32)
    """
    made = full_(shape, 1.0, "float32" if dtype is None else _no_size("ones", shape, dtype))
    return on_device(made, device)


def full_like(
    x: TensorLike,
    /,
    fill_value: Any,
    dtype: DTypeLike | None = None,
    *,
    device: str | None = None,
) -> Tensor:
    """Make a tensor of one value, in the shape of another tensor.

    Args:
        x: [...], any dtype.
        fill_value: The value.
        dtype: Its dtype; by default x's.
        device: Where it goes; by default where x is.

    Returns:
        x's shape, of `dtype`.

    Raises:
        TypeError: `dtype` is string.

    Example:
        >>> penstock.full_like([1.0, 2.0], 7)
        Tensor([7., 7.], shape=(2,), dtype=float32)
    """
    x = asarray(x)
    where = x.device if device is None and not x.is_symbolic else device
    return full(x.shape, fill_value, x.dtype if dtype is None else dtype, device=where)


def zeros_like(
    x: TensorLike, /, dtype: DTypeLike | None = None, *, device: str | None = None
) -> Tensor:
    """Make zeros in the shape of another tensor.

    Args:
        x: [...], any dtype.
        dtype: Its dtype; by default x's.
        device: Where it goes; by default where x is.

    Returns:
        x's shape, of `dtype`.

    Raises:
        TypeError: `dtype` is string.

    Example:
        >>> penstock.zeros_like([1.0, 2.0])
        Tensor([0., 0.], shape=(2,), dtype=float32)
    """
    return full_like(x, 0, dtype, device=device)


def ones_like(
    x: TensorLike, /, dtype: DTypeLike | None = None, *, device: str | None = None
) -> Tensor:
    """Make ones in the shape of another tensor.

    Args:
        x: [...], any dtype.
        dtype: Its dtype; by default x's.
        device: Where it goes; by default where x is.

    Returns:
        x's shape, of `dtype`.

    Raises:
        TypeError: `dtype` is string.

    Example:
        >>> penstock.ones_like([1.0, 2.0])
        Tensor([1., 1.], shape=(2,), dtype=float32)
    """
    return full_like(x, 1, dtype, device=device)


def arange(
    start: float | Dim,
    /,
    stop: float | Dim | None = None,
    step: float = 1,
    dtype: DTypeLike | None = None,
    *,
    device: str | None = None,
) -> Tensor:
    """Count from `start`, by `step`, to before `stop`; with one number from 0 to before that number.

    Args:
        start: The first element, or, alone, where to end.
        stop: Where to end; it is not an element.
        step: The distance between elements, which may be negative.
        dtype: Of the result; by default int64 for whole arguments and float32 for others.
        device: Where it goes; by default the host.

    Returns:
        [⌈(stop - start) / step⌉], of `dtype`.

    Raises:
        ValueError: `step` is 0.
        TypeError: `dtype` is not a real dtype.

    Example:
        >>> penstock.arange(3)
        Tensor([0, 1, 2], shape=(3,), dtype=int64)
    """
    first: Any
    last: Any
    first, last = (0, start) if stop is None else (start, stop)
    between_sizes = isinstance(first, Dim) or isinstance(last, Dim)
    if between_sizes and step != 0 and all(map(is_whole, (first, last, step))):
        return on_device(counted(first, last, int(step), dtype or "int64"), device)
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
    return on_device(arange_(first, last, step, dtype), device)


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int | Dim,
    *,
    dtype: DTypeLike | None = None,
    device: str | None = None,
    endpoint: bool = True,
) -> Tensor:
    """Divide an interval evenly.

    Args:
        start: The first element.
        stop: The last element, or with `endpoint=False` the one that would follow.
        num: How many elements.
        dtype: Of the result; by default float32, or complex64 if an end is complex.
        device: Where it goes; by default the host.
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
        raise InvalidValueError(
            f"[linspace] got num={num}; the number of elements must not be negative"
        )
    if dtype is None:
        dtype = "complex64" if np.iscomplexobj([start, stop]) else "float32"
    if isinstance(num, Dim) and isinstance(start, int | float) and isinstance(stop, int | float):
        return on_device(ops.astype(divided(start, stop, num, endpoint), dtype), device)
    values = np.linspace(start, stop, num, endpoint=endpoint)
    return on_device(ops.astype(asarray(values), dtype), device)


def eye(
    n_rows: int | Dim,
    n_cols: int | Dim | None = None,
    /,
    *,
    k: int = 0,
    dtype: DTypeLike | None = None,
    device: str | None = None,
) -> Tensor:
    """Make a matrix with ones on a diagonal and zeros elsewhere.

    Args:
        n_rows: The number of rows.
        n_cols: The number of columns; by default that of rows.
        k: Which diagonal: 0 the main one, 1 the one above it, -1 the one below.
        dtype: Of the result; by default float32.
        device: Where it goes; by default the host.

    Returns:
        [n_rows, n_cols], of `dtype`.

    Raises:
        ValueError: A size is negative.

    Example:
        >>> penstock.eye(2)
        Tensor([[1., 0.],
                [0., 1.]], shape=(2, 2), dtype=float32)
    """
    columns = n_rows if n_cols is None else n_cols
    ones_at = ops.one_hot(arange(k, k + n_rows), columns, "float32" if dtype is None else dtype)
    return on_device(ones_at, device)


def empty(shape: ShapeLike, dtype: DTypeLike | None = None, *, device: str | None = None) -> Tensor:
    """Make a tensor whose elements do not matter yet. They are zeros: tensors are values, and none is undefined.

    Args:
        shape: Its sizes.
        dtype: Its dtype; by default float32.
        device: Where it goes; by default the host.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: A size is negative.

    Example:
        >>> penstock.empty((2, 3)).shape
        (2, 3)
    """
    return zeros(shape, dtype, device=device)


def empty_like(
    x: TensorLike, /, dtype: DTypeLike | None = None, *, device: str | None = None
) -> Tensor:
    """Make a tensor whose elements do not matter yet, in the shape of another tensor. They are zeros.

    Args:
        x: [...], any dtype.
        dtype: Its dtype; by default x's.
        device: Where it goes; by default where x is.

    Returns:
        x's shape, of `dtype`.

    Raises:
        TypeError: `dtype` is string.

    Example:
        >>> penstock.empty_like([1, 2]).dtype
        penstock.int64
    """
    return zeros_like(x, dtype, device=device)
