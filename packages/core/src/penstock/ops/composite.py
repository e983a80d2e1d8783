"""Functions made of ops: each is a few calls, so it has every device, gradient and graph that they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock import dtypes, ops
from penstock.errors import DTypeError, InvalidValueError, ShapeError
from penstock.ops.conversion import asarray, on_device
from penstock.ops.counting import positions
from penstock.ops.shaping import normalise_axes

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Axis, DTypeLike, ShapeLike, TensorLike


def astype(
    x: TensorLike, dtype: DTypeLike, /, *, copy: bool = True, device: str | None = None
) -> Tensor:
    """Convert to another dtype. Nothing is computed for a tensor that has it already.

    Args:
        x: [...], any dtype.
        dtype: What to convert to.
        copy: Return another tensor also where x has the dtype, so that assigning to an element of one leaves the other
            alone. They share memory until then. False returns x itself.
        device: Where the result goes; by default where x is.

    Returns:
        [...], of `dtype`.

    Raises:
        TypeError: A string tensor cannot become numbers, nor numbers strings.

    Example:
        >>> penstock.astype([1.9, -1.9], "int32")
        Tensor([ 1, -1], shape=(2,), dtype=int32)
    """
    x, wanted = asarray(x), dtypes.as_dtype(dtype)
    if x.dtype != wanted:
        return on_device(ops.cast(x, wanted), device)
    return on_device(x._strong() if copy else x, device)


def clip(x: TensorLike, /, min: Any = None, max: Any = None) -> Tensor:
    """Limit the elements to an interval.

    Args:
        x: [...], any real dtype.
        min: The lower end, a number or a tensor that broadcasts; None for no limit.
        max: The upper end, likewise; where it is below the lower one it wins.

    Returns:
        The broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are boolean or complex.

    Example:
        >>> penstock.clip([-1.0, 0.5, 2.0], 0.0, 1.0)
        Tensor([0. , 0.5, 1. ], shape=(3,), dtype=float32)
    """
    if min is not None and max is not None:
        return ops.clip_(x, min, max)
    if min is None:
        return asarray(x) if max is None else ops.minimum(x, max)
    return ops.maximum(x, min)


def var(
    x: TensorLike, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """Take the variance along axes: the mean of (x - mean)².

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        axis: What to take it over; None for everything.
        correction: Subtracted from the number of elements to divide by; 1 for an unbiased estimate.
        keepdims: Keep the reduced axes, with size 1.

    Returns:
        x's shape without the reduced axes, of x's dtype or float32.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.var([1.0, 3.0])
        Tensor(1., shape=(), dtype=float32)
    """
    x = asarray(x)
    squares = ops.square(x - ops.mean(x, axis, keepdims=True))
    variance = ops.mean(squares, axis, keepdims=keepdims)
    if correction == 0:
        return variance
    axes = range(x.ndim) if axis is None else normalise_axes("var", axis, x.ndim)
    n = ops.count([x.shape[a] for a in axes], variance.dtype)
    return variance * (n / (n - correction)) if n != correction else variance / 0.0


def std(
    x: TensorLike, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """Take the standard deviation along axes: the square root of the variance.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        axis: What to take it over; None for everything.
        correction: Subtracted from the number of elements to divide by; 1 for an unbiased variance.
        keepdims: Keep the reduced axes, with size 1.

    Returns:
        x's shape without the reduced axes, of x's dtype or float32.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.std([1.0, 3.0])
        Tensor(1., shape=(), dtype=float32)
    """
    return ops.sqrt(var(x, axis, correction=correction, keepdims=keepdims))


def tril(x: TensorLike, /, k: int = 0) -> Tensor:
    """Keep the lower triangle of matrices; the rest becomes zero.

    Args:
        x: [..., m, n], any dtype but string.
        k: The highest diagonal to keep: 0 the main one, 1 the one above it.

    Returns:
        [..., m, n], of x's dtype.

    Raises:
        ValueError: x has fewer than two axes.

    Example:
        >>> penstock.tril([[1, 2], [3, 4]])
        Tensor([[1, 0],
                [3, 4]], shape=(2, 2), dtype=int64)
    """
    x = _matrix("tril", x)
    return ops.where(_diagonals(x) <= k, x, ops.zeros_like(x))


def triu(x: TensorLike, /, k: int = 0) -> Tensor:
    """Keep the upper triangle of matrices; the rest becomes zero.

    Args:
        x: [..., m, n], any dtype but string.
        k: The lowest diagonal to keep: 0 the main one, 1 the one above it.

    Returns:
        [..., m, n], of x's dtype.

    Raises:
        ValueError: x has fewer than two axes.

    Example:
        >>> penstock.triu([[1, 2], [3, 4]])
        Tensor([[1, 2],
                [0, 4]], shape=(2, 2), dtype=int64)
    """
    x = _matrix("triu", x)
    return ops.where(_diagonals(x) >= k, x, ops.zeros_like(x))


def _matrix(name: str, x: TensorLike) -> Tensor:
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(
            f"[{name}] got shape {x.shape}; expected matrices, so at least 2 axes; reshape it"
        )
    return x


def _diagonals(x: Tensor) -> Tensor:
    """The number of the diagonal on which each element of a matrix lies: [m, n]."""
    rows, columns = x.shape[-2:]
    return positions(columns) - ops.reshape(positions(rows), (rows, 1))


def tensordot(
    x: TensorLike, y: TensorLike, /, *, axes: int | Sequence[Sequence[int]] = 2
) -> Tensor:
    """Sum products over pairs of axes.

    Args:
        x: [...], any numeric dtype.
        y: [...], any numeric dtype.
        axes: The axes of x and the axes of y to pair up, or a number: the last axes of x with the first of y.

    Returns:
        The other axes of x, then the other axes of y, of the promoted dtype.

    Raises:
        ValueError: Paired axes differ in size.
        IndexError: x or y has no such axis.

    Example:
        >>> penstock.tensordot(penstock.ones((2, 3)), penstock.ones((3, 4)), axes=1).shape
        (2, 4)
    """
    x, y = asarray(x), asarray(y)
    if isinstance(axes, int):
        axes = (range(x.ndim - axes, x.ndim), range(axes))
    left, right = (
        normalise_axes("tensordot", axes[0], x.ndim),
        normalise_axes("tensordot", axes[1], y.ndim),
    )
    rows = [a for a in range(x.ndim) if a not in left]
    columns = [a for a in range(y.ndim) if a not in right]
    row_sizes, column_sizes = [x.shape[a] for a in rows], [y.shape[a] for a in columns]
    inner_x = (
        ops.flatten(ops.transpose(x, rows + left), len(rows)) if left else ops.expand_dims(x, -1)
    )
    inner_y = ops.transpose(y, right + columns)
    inner_y = ops.flatten(inner_y, 0, len(right) - 1) if right else ops.expand_dims(y, 0)
    k = inner_x.shape[-1]
    z = ops.matmul(
        ops.reshape(inner_x, (_product(row_sizes), k)),
        ops.reshape(inner_y, (inner_y.shape[0], _product(column_sizes))),
    )
    return ops.reshape(z, (*row_sizes, *column_sizes))


def _product(sizes: Sequence[Any]) -> Any:
    product: Any = 1
    for size in sizes:
        product = product * size
    return product


def bias_add(x: TensorLike, bias: TensorLike, /) -> Tensor:
    """Add one number to each channel, the last axis.

    Args:
        x: [..., channels], any numeric dtype.
        bias: [channels].

    Returns:
        [..., channels], of the promoted dtype.

    Raises:
        ValueError: `bias` has not one number for each channel.

    Example:
        >>> penstock.nn.bias_add([[1.0, 2.0]], [10.0, 20.0])
        Tensor([[11., 22.]], shape=(1, 2), dtype=float32)
    """
    x, bias = asarray(x), asarray(bias)
    if bias.ndim != 1 or not x.ndim or bias.shape[0] != x.shape[-1]:
        raise ShapeError(
            f"[bias_add] bias has shape {bias.shape} for x of shape {x.shape}; expected one number for each "
            "channel, the last axis of x; use penstock.add to broadcast otherwise"
        )
    return ops.add(x, bias)


def dropout(
    x: TensorLike,
    /,
    rate: float,
    *,
    noise_shape: ShapeLike | None = None,
    seed: int | None = None,
) -> Tensor:
    """Set elements to zero at random, and scale the others so that the expected value stays.

    Args:
        x: [...], a float dtype.
        rate: The probability of zero, at least 0 and below 1.
        noise_shape: The shape of what is drawn, which broadcasts to x's: (batch, 1, channels) drops whole channels of
            a sequence. None stands for x's shape.
        seed: Choose the same elements in every call; None continues the stream that `set_seed` began.

    Returns:
        [...], of x's dtype.

    Raises:
        ValueError: `rate` is out of range, or `noise_shape` does not broadcast to x's shape.

    Example:
        >>> penstock.nn.dropout([1.0, 2.0], rate=0.0)
        Tensor([1., 2.], shape=(2,), dtype=float32)

    Source:
        Srivastava et al., 2014, "Dropout: a simple way to prevent neural networks from overfitting".
    """
    if not 0 <= rate < 1:
        raise InvalidValueError(
            f"[dropout] got rate={rate}; use a probability of at least 0 and below 1"
        )
    x = asarray(x)
    if rate == 0:
        return x
    keep = ops.random_uniform(x.shape if noise_shape is None else noise_shape, seed=seed) >= rate
    if noise_shape is not None:
        keep = ops.broadcast_to(keep, x.shape)
    return ops.where(keep, x * (1 / (1 - rate)), 0.0)


def bernoulli(
    shape: Any, p: TensorLike = 0.5, *, dtype: DTypeLike = "bool", seed: int | None = None
) -> Tensor:
    """Draw true with a given probability.

    Args:
        shape: The sizes of the result.
        p: The probability of true, from 0 to 1: a number, or a tensor that broadcasts to `shape`.
        dtype: Of the result.
        seed: Draw the same in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: `p` is not a probability, or a size is negative.

    Example:
        >>> penstock.random.bernoulli((3,), p=1.0)
        Tensor([ True,  True,  True], shape=(3,), dtype=bool)
    """
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise InvalidValueError(f"[bernoulli] got p={p}; use a probability from 0 to 1")
    return astype(ops.random_uniform(shape, seed=seed) < p, dtype)


def count_nonzero(x: TensorLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Count the elements along axes that are not zero; NaN is not.

    Args:
        x: [...], any dtype but string.
        axis: What to count over; None for everything.
        keepdims: Keep the reduced axes, with size 1.

    Returns:
        x's shape without the reduced axes, int64.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.count_nonzero([[0, 1, 2], [0, 0, 3]], axis=1)
        Tensor([2, 1], shape=(2,), dtype=int64)
    """
    return ops.sum(ops.cast(x, "bool"), axis, keepdims=keepdims)


def positive(x: TensorLike, /) -> Tensor:
    """Return a tensor of numbers as it is, as +x does.

    Args:
        x: [...], any numeric dtype.

    Returns:
        x.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.positive([1.0, -2.0])
        Tensor([ 1., -2.], shape=(2,), dtype=float32)
    """
    x = asarray(x)
    if x.dtype.kind in ("bool", "string"):
        raise DTypeError(
            f"[positive] got {x.dtype.name}; expected a numeric dtype; convert it: x.astype(penstock.int32)"
        )
    return x._strong()
