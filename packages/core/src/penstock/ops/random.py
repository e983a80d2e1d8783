"""Random numbers: Philox4x32-10, so that every device and every number of threads draws the same."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops import _batch
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._draws import LOW_WORD, encrypt
from penstock.ops._gradients import NO_INPUTS

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, ShapeLike


def philox(key: int, counter: int, blocks: int) -> Any:
    """Generate blocks of four random 32-bit words: block b encrypts the 64 bits of `counter + b`.

    Returns:
        [blocks, 4], uint64, each below 2³².
    """
    counters = np.uint64(counter % 2**64) + np.arange(blocks, dtype=np.uint64)
    zero = np.zeros(blocks, np.uint64)
    return encrypt(key, [counters & LOW_WORD, counters >> np.uint64(32), zero, zero])


def _uniform(words: Any) -> Any:
    """32-bit words as float32 in [0, 1): the upper 24 bits."""
    return (words >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)


def _double(words: Any) -> Any:
    """Pairs of words (low, high) as whole numbers below 2⁵³, in float64."""
    return ((words[..., 0] | words[..., 1] << np.uint64(32)) >> np.uint64(11)).astype(np.float64)


def _cut(values: Any) -> Any:
    """Round float32 down to what bfloat16 holds: every number stays as likely as its neighbours."""
    bits = values.view(np.uint32)
    down = np.where(values < 0, bits + np.uint32(0xFFFF), bits) & np.uint32(0xFFFF0000)
    return down.astype(np.uint32).view(np.float32)


def _blocks(key: int, counter: int, shape: Any, per_block: int) -> tuple[Any, int]:
    size = int(np.prod(shape, dtype=np.int64))
    return philox(key, counter, -(-size // per_block)), size


@op(infer="random:uniform", effects="random")
def random_uniform(
    shape: ShapeLike,
    minval: float = 0.0,
    maxval: float = 1.0,
    *,
    dtype: DTypeLike = "float32",
    seed: int | None = None,
) -> Tensor:
    """Draw evenly from [minval, maxval).

    Args:
        shape: The sizes of the result.
        minval: The lower end, which may be drawn.
        maxval: The upper end, which is never drawn (unless it equals the lower one).
        dtype: A float dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: `minval` is above `maxval`, or a size is negative.
        TypeError: `dtype` is not a float dtype.

    Example:
        >>> x = penstock.random.uniform((2, 3), seed=1)
        >>> x.shape, bool(penstock.all((x >= 0) & (x < 1)))
        ((2, 3), True)
    """


random_uniform.batch(_batch.drawn)


random_uniform.not_differentiable(NO_INPUTS)


@random_uniform.reference
def _(
    key: int, counter: int, shape: Any, minval: float, maxval: float, dtype: Any, seed: Any = None
) -> Any:
    if dtype == np.float64:
        words, size = _blocks(key, counter, shape, 2)
        drawn = _double(words.reshape(-1, 2))[:size] * 2.0**-53
    else:
        words, size = _blocks(key, counter, shape, 4)
        drawn = _uniform(words.reshape(-1))[:size]
    low, high = drawn.dtype.type(minval), drawn.dtype.type(maxval)
    values = (low + drawn * (high - low)).astype(dtype)
    end = values.dtype.type(maxval)
    if maxval > minval:  # rounding must not reach the upper end
        values[values >= end] = np.nextafter(end, values.dtype.type(minval))
        if np.dtype(dtype).metadata:  # it is rounded once more, to bfloat16
            values = np.maximum(_cut(values), low)
    return values.reshape(shape)


@random_uniform.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("float32", "float64", "float16"):
        yield Sample(((3, 5), -1.0, 2.5), {"dtype": dtype, "seed": 7}, label=dtype)
    yield Sample(((),), {"seed": 7}, label="0-d")
    yield Sample(((0, 3),), {"seed": 7}, label="empty")
    yield Sample((4099,), {"seed": 2**40}, label="large")


@random_uniform.rejects
def _() -> Iterator[Reject]:
    yield Reject(((2,), 1.0, 0.0), match="minval must not be above maxval")
    yield Reject(((2,),), {"dtype": "int32"}, error=TypeError, match="expected a float dtype")
    yield Reject(((-2,),), match="must not be negative")


@op(infer="random:normal", effects="random")
def random_normal(
    shape: ShapeLike,
    mean: float = 0.0,
    stddev: float = 1.0,
    *,
    dtype: DTypeLike = "float32",
    seed: int | None = None,
) -> Tensor:
    """Draw from the normal distribution, by the method of Box and Muller.

    Args:
        shape: The sizes of the result.
        mean: The mean.
        stddev: The standard deviation.
        dtype: A float dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: `stddev` or a size is negative.
        TypeError: `dtype` is not a float dtype.

    Example:
        >>> penstock.random.normal((1000,), mean=5.0, stddev=0.0)[:2]
        Tensor([5., 5.], shape=(2,), dtype=float32)

    Source:
        Box and Muller, 1958, "A note on the generation of random normal deviates".
    """


random_normal.batch(_batch.drawn)


random_normal.not_differentiable(NO_INPUTS)


@random_normal.reference
def _(
    key: int, counter: int, shape: Any, mean: float, stddev: float, dtype: Any, seed: Any = None
) -> Any:
    if dtype == np.float64:
        words, size = _blocks(key, counter, shape, 2)
        first, second = (_double(pair) for pair in (words[:, :2], words[:, 2:]))
        u1, u2 = (first + 1) * 2.0**-53, second * 2.0**-53
    else:
        words, size = _blocks(key, counter, shape, 4)
        first, second = words.reshape(-1, 2).T
        u1, u2 = _uniform(first) + np.float32(2.0**-24), _uniform(second)
    one = u1.dtype.type
    radius, angle = np.sqrt(one(-2) * np.log(u1)), one(2 * np.pi) * u2
    drawn = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).reshape(-1)[:size]
    return (one(mean) + one(stddev) * drawn).astype(dtype).reshape(shape)


@random_normal.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("float32", "float64", "float16"):
        yield Sample(((3, 5), -1.0, 2.5), {"dtype": dtype, "seed": 7}, label=dtype)
    yield Sample(((),), {"seed": 7}, label="0-d")
    yield Sample(((0, 3),), {"seed": 7}, label="empty")
    yield Sample((4099,), {"seed": 2**40}, label="large")


@random_normal.rejects
def _() -> Iterator[Reject]:
    yield Reject(((2,), 0.0, -1.0), match="stddev -1")
    yield Reject(((2,),), {"dtype": "bool"}, error=TypeError, match="expected a float dtype")
