"""Random numbers of a key that is a tensor: the same key gives the same numbers, so a program can keep its keys."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops import random
from penstock.ops._declare import Reject, Sample, op

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, ShapeLike, TensorLike

_DRAWN = "its result is drawn, and changes in steps"
_KEY = np.array([7, 2**31], np.uint32)


@op(infer="random:keyed_uniform")
def keyed_uniform(
    key: TensorLike,
    /,
    shape: ShapeLike,
    minval: float = 0.0,
    maxval: float = 1.0,
    *,
    dtype: DTypeLike = "float32",
) -> Tensor:
    """Draw evenly from [minval, maxval), as a key says.

    Unlike a seed the key may be computed: in a graph a variable can hold it and count on. The key [a, b] gives the
    numbers of `random.uniform(..., seed=a + 2³² · b)`.

    Args:
        key: [2], uint32. Different keys give independent numbers.
        shape: The sizes of the result.
        minval: The lower end, which may be drawn.
        maxval: The upper end, which is never drawn (unless it equals the lower one).
        dtype: A float dtype.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: The key is not [2], `minval` is above `maxval`, or a size is negative.
        TypeError: The key is not of uint32, or `dtype` is not a float dtype.

    Example:
        >>> key = penstock.asarray([3, 0], dtype="uint32")
        >>> x = penstock.random.keyed_uniform(key, (4,))
        >>> bool(penstock.all(x == penstock.random.uniform((4,), seed=3)))
        True
    """


keyed_uniform.not_differentiable(_DRAWN)


@keyed_uniform.reference
def _(key: Any, shape: Any, minval: float, maxval: float, dtype: Any) -> Any:
    return _draw(random.random_uniform, key, shape, minval, maxval, dtype)


@op(infer="random:keyed_normal")
def keyed_normal(
    key: TensorLike,
    /,
    shape: ShapeLike,
    mean: float = 0.0,
    stddev: float = 1.0,
    *,
    dtype: DTypeLike = "float32",
) -> Tensor:
    """Draw from the normal distribution, as a key says; see `keyed_uniform`.

    Args:
        key: [2], uint32. Different keys give independent numbers.
        shape: The sizes of the result.
        mean: The mean.
        stddev: The standard deviation.
        dtype: A float dtype.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: The key is not [2], `stddev` or a size is negative.
        TypeError: The key is not of uint32, or `dtype` is not a float dtype.

    Example:
        >>> key = penstock.asarray([3, 0], dtype="uint32")
        >>> x = penstock.random.keyed_normal(key, (4,))
        >>> bool(penstock.all(x == penstock.random.normal((4,), seed=3)))
        True
    """


keyed_normal.not_differentiable(_DRAWN)


@keyed_normal.reference
def _(key: Any, shape: Any, mean: float, stddev: float, dtype: Any) -> Any:
    return _draw(random.random_normal, key, shape, mean, stddev, dtype)


def _draw(block: Any, key: Any, *arguments: Any) -> Any:
    return block.reference_fn(_seed(key), 0, *arguments)


def _seed(key: Any) -> int:
    return int(key[0]) | int(key[1]) << 32


@keyed_uniform.samples
@keyed_normal.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("float32", "float64", "float16"):
        yield Sample((_KEY, (3, 5), -1.0, 2.5), {"dtype": dtype}, label=dtype)
    yield Sample((_KEY, ()), label="0-d")
    yield Sample((_KEY, (0, 3)), label="empty")
    yield Sample((_KEY[::-1], 4099), label="large")


@keyed_uniform.rejects
def _() -> Iterator[Reject]:
    yield Reject((_KEY, (2,), 1.0, 0.0), match="minval must not be above maxval")
    yield from _rejected_keys()


@keyed_normal.rejects
def _() -> Iterator[Reject]:
    yield Reject((_KEY, (2,), 0.0, -1.0), match="stddev -1")
    yield from _rejected_keys()


def _rejected_keys() -> Iterator[Reject]:
    yield Reject((_KEY, (-2,)), match="must not be negative")
    yield Reject((_KEY, (2,)), {"dtype": "int32"}, error=TypeError, match="expected a float dtype")
    yield Reject((_KEY[:1], (2,)), match="two numbers")
    yield Reject((_KEY.astype("int32"), (2,)), error=TypeError, match="cast the key")
