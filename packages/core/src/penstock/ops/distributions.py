"""Random numbers made of other random numbers: a few ops each. `penstock.random` offers them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.dtype_facts import finfo
from penstock.dtypes import as_dtype
from penstock.errors import InvalidValueError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, ShapeLike, TensorLike


def _other(seed: int | None) -> int | None:
    """A second seed, for what needs independent numbers twice."""
    return None if seed is None else (seed + 0x9E3779B97F4A7C15) % 2**63


def _positive(op: str, **values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise InvalidValueError(f"[{op}] got {name}={value}; use a number above 0")


def _filled(shape: ShapeLike, value: TensorLike, dtype: DTypeLike | None) -> Tensor:
    x = asarray(value)
    if dtype is not None:
        x = ops.astype(x, dtype)
    return ops.broadcast_to(x, shape)


def truncated_normal(
    shape: ShapeLike,
    mean: float = 0.0,
    stddev: float = 1.0,
    *,
    lower: float = -2.0,
    upper: float = 2.0,
    dtype: DTypeLike = "float32",
    seed: int | None = None,
) -> Tensor:
    """Draw from the normal distribution between two bounds, which are counted in standard deviations.

    The distribution function is inverted, so every number costs the same. In float32 it ends near 5 deviations.

    Args:
        shape: The sizes of the result.
        mean: The mean of the whole distribution.
        stddev: The standard deviation of the whole distribution.
        lower: The lower bound is mean + lower · stddev.
        upper: The upper bound is mean + upper · stddev.
        dtype: A float dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: `lower` is not below `upper`, both lie where the dtype cannot follow, `stddev` is negative, or a
            size is negative.
        TypeError: `dtype` is not a float dtype.

    Example:
        >>> x = penstock.random.truncated_normal((1000,), seed=1)
        >>> bool(penstock.all(penstock.abs(x) <= 2))
        True
    """
    if not lower < upper or stddev < 0:
        raise InvalidValueError(
            f"[truncated_normal] got lower={lower}, upper={upper}, stddev={stddev}; lower must be below upper, "
            "and stddev not negative"
        )
    ends = [math.erf(bound / math.sqrt(2.0)) for bound in (lower, upper)]
    nearest = max(
        ends[0], -ends[1]
    )  # of both bounds to the middle, where they lie on one side of it
    if 1.0 - nearest < 8.0 * finfo(dtype).eps:
        raise InvalidValueError(
            f"[truncated_normal] got lower={lower} and upper={upper}, between which {as_dtype(dtype).name} cannot tell "
            "the distribution from 0; draw in float64, or nearer to the mean"
        )
    u = ops.random_uniform(shape, ends[0], ends[1], dtype=dtype, seed=seed)
    x = ops.clip(ops.erfinv(u) * math.sqrt(2.0), lower, upper)
    return x * stddev + mean


def exponential(
    shape: ShapeLike,
    rate: float = 1.0,
    *,
    dtype: DTypeLike = "float32",
    seed: int | None = None,
) -> Tensor:
    """Draw from the exponential distribution, whose mean is 1 / rate.

    Args:
        shape: The sizes of the result.
        rate: How many events are expected in a unit of time.
        dtype: A float dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: `rate` is not positive, or a size is negative.
        TypeError: `dtype` is not a float dtype.

    Example:
        >>> bool(penstock.all(penstock.random.exponential((100,), seed=1) >= 0))
        True
    """
    _positive("exponential", rate=rate)
    return ops.log1p(-ops.random_uniform(shape, dtype=dtype, seed=seed)) * (-1.0 / rate)


def gumbel(
    shape: ShapeLike,
    loc: float = 0.0,
    scale: float = 1.0,
    *,
    dtype: DTypeLike = "float32",
    seed: int | None = None,
) -> Tensor:
    """Draw from the Gumbel distribution: loc - scale · ln(-ln(uniform)).

    Args:
        shape: The sizes of the result.
        loc: Where the most probable number lies.
        scale: The scale, above 0.
        dtype: A float dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: `scale` is not positive, or a size is negative.
        TypeError: `dtype` is not a float dtype.

    Example:
        >>> penstock.random.gumbel((2, 3), seed=1).shape
        (2, 3)
    """
    _positive("gumbel", scale=scale)
    drawn = exponential(shape, dtype=dtype, seed=seed)
    smallest = {"float16": 6e-8, "float64": 1e-300}.get(drawn.dtype.name, 1e-38)
    return ops.log(ops.maximum(drawn, smallest)) * -scale + loc


def laplace(
    shape: ShapeLike,
    loc: float = 0.0,
    scale: float = 1.0,
    *,
    dtype: DTypeLike = "float32",
    seed: int | None = None,
) -> Tensor:
    """Draw from the Laplace distribution: an exponential one to both sides.

    Args:
        shape: The sizes of the result.
        loc: The mean.
        scale: The mean distance from it, above 0.
        dtype: A float dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: `scale` is not positive, or a size is negative.
        TypeError: `dtype` is not a float dtype.

    Example:
        >>> penstock.random.laplace((2, 3), seed=1).shape
        (2, 3)
    """
    _positive("laplace", scale=scale)
    size = exponential(shape, dtype=dtype, seed=seed)
    left = ops.random_uniform(shape, seed=_other(seed)) < 0.5
    return ops.where(left, -size, size) * scale + loc


def gamma(
    shape: ShapeLike,
    alpha: TensorLike,
    beta: TensorLike = 1.0,
    *,
    dtype: DTypeLike = "float32",
    seed: int | None = None,
) -> Tensor:
    """Draw from the gamma distribution, whose mean is alpha / beta.

    Args:
        shape: The sizes of the result.
        alpha: The shape parameters, which broadcast to `shape`; above 0.
        beta: The rates (inverse scales), which broadcast to `shape`; above 0.
        dtype: A float dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: A parameter does not broadcast to `shape`.

    Example:
        >>> x = penstock.random.gamma((1000,), alpha=4.0, beta=2.0, seed=1)
        >>> 1.9 < float(penstock.mean(x)) < 2.1
        True
    """
    drawn = ops.random_gamma(_filled(shape, alpha, dtype), seed=seed)
    return ops.divide(drawn, ops.astype(asarray(beta), dtype))


def beta(
    shape: ShapeLike,
    alpha: TensorLike,
    beta: TensorLike,
    *,
    dtype: DTypeLike = "float32",
    seed: int | None = None,
) -> Tensor:
    """Draw from the beta distribution, whose mean is alpha / (alpha + beta).

    Args:
        shape: The sizes of the result.
        alpha: The first shape parameters, which broadcast to `shape`; above 0.
        beta: The second shape parameters, which broadcast to `shape`; above 0.
        dtype: A float dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`, from 0 to 1.

    Raises:
        ValueError: A parameter does not broadcast to `shape`.

    Example:
        >>> x = penstock.random.beta((1000,), 2.0, 2.0, seed=1)
        >>> 0.45 < float(penstock.mean(x)) < 0.55
        True
    """
    first = ops.random_gamma(_filled(shape, alpha, dtype), log=True, seed=seed)
    second = ops.random_gamma(_filled(shape, beta, dtype), log=True, seed=_other(seed))
    return ops.sigmoid(first - second)


def dirichlet(alpha: TensorLike, *, seed: int | None = None) -> Tensor:
    """Draw probabilities of classes from the Dirichlet distribution.

    Args:
        alpha: [..., classes], the concentrations, above 0, any real dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        [..., classes], of alpha's dtype or float32; each row adds up to 1.

    Raises:
        IndexError: alpha is a single number.
        TypeError: alpha is complex or a string tensor.

    Example:
        >>> penstock.sum(penstock.random.dirichlet([1.0, 2.0, 3.0], seed=1)) > 0.999
        Tensor(True, shape=(), dtype=bool)
    """
    return ops.softmax(ops.random_gamma(alpha, log=True, seed=seed))


def poisson(
    shape: ShapeLike, rate: TensorLike, *, dtype: DTypeLike = "int64", seed: int | None = None
) -> Tensor:
    """Draw from the Poisson distribution.

    Args:
        shape: The sizes of the result.
        rate: The expected numbers, which broadcast to `shape`; not negative.
        dtype: A real dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: `rate` does not broadcast to `shape`.
        TypeError: `dtype` is not a real dtype.

    Example:
        >>> penstock.random.poisson((3,), 0.0)
        Tensor([0, 0, 0], shape=(3,), dtype=int64)
    """
    return ops.random_poisson(_filled(shape, rate, None), dtype=dtype, seed=seed)


def binomial(
    shape: ShapeLike,
    counts: TensorLike,
    probabilities: TensorLike,
    *,
    dtype: DTypeLike = "int64",
    seed: int | None = None,
) -> Tensor:
    """Draw how many of some trials succeed.

    Args:
        shape: The sizes of the result.
        counts: The numbers of trials, which broadcast to `shape`.
        probabilities: Of success, from 0 to 1, which broadcast to `shape`.
        dtype: A real dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: A parameter does not broadcast to `shape`.
        TypeError: `dtype` is not a real dtype.

    Example:
        >>> penstock.random.binomial((3,), 4, 1.0)
        Tensor([4, 4, 4], shape=(3,), dtype=int64)
    """
    return ops.random_binomial(_filled(shape, counts, None), probabilities, dtype=dtype, seed=seed)


def permutation(n: int, *, seed: int | None = None) -> Tensor:
    """Draw an order of the numbers 0, ..., n - 1; all are equally likely.

    Args:
        n: How many numbers there are.
        seed: Draw the same order in every call; None continues the stream that `set_seed` began.

    Returns:
        [n], int64.

    Raises:
        ValueError: n is negative.

    Example:
        >>> penstock.sort(penstock.random.permutation(4, seed=1))
        Tensor([0, 1, 2, 3], shape=(4,), dtype=int64)
    """
    return ops.argsort(ops.random_uniform((n,), dtype="float64", seed=seed))


def shuffle(x: TensorLike, /, axis: int = 0, *, seed: int | None = None) -> Tensor:
    """Put the slices along an axis into an order that is drawn.

    Args:
        x: [...], any dtype, with at least one axis.
        axis: The axis.
        seed: Draw the same order in every call; None continues the stream that `set_seed` began.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis.

    Example:
        >>> penstock.sort(penstock.random.shuffle([3, 1, 2], seed=1))
        Tensor([1, 2, 3], shape=(3,), dtype=int64)
    """
    x = asarray(x)
    ops.flip(x, axis)  # refuses axes that x has not got
    n: Any = x.shape[axis]
    order = permutation(n, seed=seed)
    return ops.take(x, order, axis=axis)
