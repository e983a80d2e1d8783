"""Random numbers of other distributions, by samplers whose counters are per element: see `_draws.py`."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops import _batch
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._draws import Draws
from penstock.ops._gradients import NO_INPUTS
from penstock.ops._samples import FLOATS, array
from penstock.ops._special import log_gamma

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, ShapeLike, TensorLike

_SEED = {"seed": 7}
_ATTEMPTS = 200  # each fails with a probability below a half
_LAST = 2**32 - 1  # the attempt whose words stand apart
_JUMPS = "its result is drawn, and changes in steps"


@op(infer="random:integers", effects="random")
def random_integers(
    shape: ShapeLike,
    minval: int,
    maxval: int,
    *,
    dtype: DTypeLike = "int64",
    seed: int | None = None,
) -> Tensor:
    """Draw whole numbers evenly from minval, ..., maxval - 1.

    Of n numbers none is preferred by more than n / 2⁶⁴.

    Args:
        shape: The sizes of the result.
        minval: The smallest number.
        maxval: One more than the largest number.
        dtype: An integer dtype that holds both.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        `shape`, of `dtype`.

    Raises:
        ValueError: `minval` is not below `maxval`, `dtype` does not hold them, or a size is negative.
        TypeError: `dtype` is not an integer dtype.

    Example:
        >>> x = penstock.random.randint((100,), 1, 7, seed=1)
        >>> int(penstock.min(x)), int(penstock.max(x))
        (1, 6)

    Source:
        Lemire, 2019, "Fast random integer generation in an interval", without its rejection step.
    """


random_integers.batch(_batch.drawn)
random_integers.not_differentiable(NO_INPUTS)


@random_integers.reference
def _(
    key: int, counter: int, shape: Any, minval: int, maxval: int, dtype: Any, seed: Any = None
) -> Any:
    elements = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.uint64)
    bits, _ = Draws.of(key, counter, dtype).bits(elements)
    steps = _high_half(bits, np.uint64(maxval - minval))
    drawn = steps + np.uint64(
        minval % 2**64
    )  # modulo 2^64, which is right for negative numbers too
    return drawn.astype(np.int64).astype(dtype).reshape(shape)


def _high_half(a: Any, b: Any) -> Any:
    """The upper 64 bits of the product of 64-bit numbers."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    a0, a1, b0, b1 = a & low, a >> half, b & low, b >> half
    middle = a1 * b0 + (a0 * b0 >> half)
    return a1 * b1 + (middle >> half) + ((middle & low) + a0 * b1 >> half)


@random_integers.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("int64", "int32", "int8", "uint8"):
        yield Sample(((3, 5), 2, 19), {"dtype": dtype, **_SEED}, label=dtype)
    yield Sample(((), -3, 4), _SEED, label="0-d")
    yield Sample(((0, 3), 0, 1), _SEED, label="empty")
    yield Sample((4099, -(2**62), 2**62), {"seed": 2**40}, label="large")


@random_integers.rejects
def _() -> Iterator[Reject]:
    yield Reject(((2,), 3, 3), match="minval must be below maxval")
    yield Reject(((2,), 0, 300), {"dtype": "uint8"}, match="use a wider dtype")
    yield Reject(((2,), 0, 3), {"dtype": "float32"}, error=TypeError, match="use random.uniform")
    yield Reject(((-2,), 0, 3), match="must not be negative")


@op(infer="elementwise:real_float", effects="random", broadcasts=True)
def random_gamma(alpha: TensorLike, *, log: bool = False, seed: int | None = None) -> Tensor:
    """Draw from the gamma distribution with scale 1, one number for each shape parameter.

    Args:
        alpha: [...], the shape parameters, above 0 (0 gives 0, negative ones NaN), any real dtype.
        log: Return logarithms, which do not vanish where alpha is small.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        [...], of alpha's dtype or float32.

    Raises:
        TypeError: alpha is complex or a string tensor.

    Example:
        >>> x = penstock.ops.random_gamma(penstock.full((1000,), 9.0), seed=1)
        >>> 8.5 < float(penstock.mean(x)) < 9.5
        True

    Source:
        Marsaglia and Tsang, 2000, "A simple method for generating gamma variables".
    """


random_gamma.batch(_batch.drawn_like)
random_gamma.not_differentiable(
    "implicit reparametrisation is not there yet; draw outside of the gradient"
)


@random_gamma.reference
def _(key: int, counter: int, alpha: Any, log: bool, seed: Any = None) -> Any:
    draws = Draws.of(key, counter, alpha.dtype)
    drawn = _log_gamma_draws(draws, alpha.astype(np.float64).ravel())
    return (drawn if log else np.exp(drawn)).astype(alpha.dtype).reshape(alpha.shape)


def _log_gamma_draws(draws: Draws, alpha: Any) -> Any:
    lifted = np.where(alpha < 1.0, alpha + 1.0, alpha)
    d = lifted - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    result = np.where(alpha == 0, -np.inf, np.where(alpha > 0, alpha, np.nan))
    pending = np.flatnonzero((alpha > 0) & np.isfinite(alpha))
    for attempt in range(_ATTEMPTS):
        if not pending.size:
            break
        x, (u, _) = draws.normals(pending, 2 * attempt), draws.uniforms(pending, 2 * attempt + 1)
        di, v = d[pending], (1.0 + c[pending] * x) ** 3
        log_v = np.log(v)
        found = (v > 0) & (np.log(u) < 0.5 * x * x + di - di * v + di * log_v)
        result[pending[found]] = (np.log(di) + log_v)[found]
        pending = pending[~found]
    small = np.flatnonzero(
        (alpha > 0) & (alpha < 1.0)
    )  # a power of a uniform number brings these down
    result[small] += np.log(draws.uniforms(small, _LAST)[0]) / alpha[small]
    return result


@random_gamma.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (3, 5), dtype, 0.1, 9.0),), _SEED, label=dtype)
    yield Sample(
        (array(rng, (7,), low=0.01, high=0.5),), {"log": True, **_SEED}, label="logarithms"
    )
    yield Sample((array(rng, (), low=1.0),), _SEED, label="0-d")
    yield Sample((np.ones((0, 3)),), _SEED, label="empty")
    yield Sample((array(rng, (4099,), "float32", 0.0, 50.0),), _SEED, label="large")


@random_gamma.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(2, "complex64"),), error=TypeError, match="expected a real number")


@op(infer="random:counts", effects="random", broadcasts=True)
def random_poisson(
    rate: TensorLike, *, dtype: DTypeLike = "int64", seed: int | None = None
) -> Tensor:
    """Draw from the Poisson distribution, one number for each rate.

    Args:
        rate: [...], the expected numbers, not negative, any real dtype. A rate that is negative, NaN or above 1e15
            gives -1.
        dtype: A real dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        [...], of `dtype`.

    Raises:
        TypeError: `rate` is complex or a string tensor, or `dtype` is not a real one.

    Example:
        >>> penstock.ops.random_poisson([0.0, 0.0])
        Tensor([0, 0], shape=(2,), dtype=int64)

    Source:
        Below a rate of 10 the distribution function is inverted; above, Hörmann, 1993, "The transformed rejection
        method for generating Poisson random variables", algorithm PTRS.
    """


random_poisson.batch(_batch.drawn_like)
random_poisson.not_differentiable(_JUMPS)


@random_poisson.reference
def _(key: int, counter: int, rate: Any, dtype: Any, seed: Any = None) -> Any:
    draws, rates = Draws.of(key, counter, dtype), rate.astype(np.float64).ravel()
    result = np.full(rates.shape, -1.0)
    small = np.flatnonzero((rates >= 0) & (rates < 10.0))
    result[small] = _inverted(
        draws.uniforms(small)[0], np.exp(-rates[small]), lambda k: rates[small] / k, 100
    )
    large = np.flatnonzero((rates >= 10.0) & (rates <= 1e15))
    result[large] = _poisson_by_rejection(draws, large, rates[large])
    return result.astype(dtype).reshape(rate.shape)


def _inverted(u: Any, first: Any, ratio: Any, limit: int) -> Any:
    """Count how far a sum of probabilities stays below u; `ratio(k)` leads from the one of k - 1 to that of k."""
    term, total = np.array(first), np.array(first)
    count = np.zeros(u.shape)
    for k in range(1, limit + 1):
        beyond = u > total
        if not beyond.any():
            break
        count += beyond
        term = term * ratio(k)
        total = total + term
    return count


def _poisson_by_rejection(draws: Draws, elements: Any, rates: Any) -> Any:
    b = 0.931 + 2.53 * np.sqrt(rates)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    inside = 0.9277 - 3.6224 / (b - 2.0)
    result, pending = np.floor(rates), np.arange(len(elements))
    for attempt in range(_ATTEMPTS):
        if not pending.size:
            break
        u, v = draws.uniforms(elements[pending], attempt)
        ai, bi, rate = a[pending], b[pending], rates[pending]
        u -= 0.5
        us = 0.5 - np.abs(u)
        k = np.floor((2.0 * ai / us + bi) * u + rate + 0.43)
        weight = np.log(v * inverse_alpha[pending] / (ai / (us * us) + bi))
        found = weight <= k * np.log(rate) - rate - log_gamma(np.maximum(k, 0.0) + 1.0)
        found &= (k >= 0) & ~((us < 0.013) & (v > us))
        found |= (us >= 0.07) & (v <= inside[pending])
        result[pending[found]] = k[found]
        pending = pending[~found]
    return result


@random_poisson.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (3, 5), dtype, 0.0, 30.0),), _SEED, label=dtype)
    yield Sample((array(rng, (9,), low=0.0),), {"dtype": "float32", **_SEED}, label="as float32")
    yield Sample((array(rng, (), low=0.0),), _SEED, label="0-d")
    yield Sample((np.ones((0, 3)),), _SEED, label="empty")
    yield Sample((array(rng, (4099,), "float32", 0.0, 500.0),), _SEED, label="large")


@random_poisson.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(2, "complex64"),), error=TypeError, match="expected a real number")
    yield Reject((np.ones(2),), {"dtype": "bool"}, error=TypeError, match="convert it")


@op(infer="random:counts", effects="random", broadcasts=True)
def random_binomial(
    counts: TensorLike,
    probabilities: TensorLike,
    *,
    dtype: DTypeLike = "int64",
    seed: int | None = None,
) -> Tensor:
    """Draw how many of some trials succeed, one number for each pair of count and probability.

    Args:
        counts: [...], the numbers of trials, not negative, any real dtype; fractions are cut off.
        probabilities: [...], of success, from 0 to 1; the shapes must broadcast. What is out of range gives -1.
        dtype: A real dtype.
        seed: Draw the same numbers in every call; None continues the stream that `set_seed` began.

    Returns:
        The broadcast shape, of `dtype`.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: A tensor is complex or a string tensor, or `dtype` is not a real one.

    Example:
        >>> penstock.ops.random_binomial([3.0, 5.0], [0.0, 1.0])
        Tensor([0, 5], shape=(2,), dtype=int64)

    Source:
        Below 10 expected successes the distribution function is inverted; above, Hörmann, 1993, "The generation of
        binomial random variates", algorithm BTRS.
    """


random_binomial.batch(_batch.drawn_like)
random_binomial.not_differentiable(_JUMPS)


@random_binomial.reference
def _(key: int, counter: int, counts: Any, probabilities: Any, dtype: Any, seed: Any = None) -> Any:
    draws = Draws.of(key, counter, dtype)
    counts, probabilities = np.broadcast_arrays(counts, probabilities)
    n = np.floor(counts.astype(np.float64)).ravel()
    p = probabilities.astype(np.float64).ravel()
    valid = (n >= 0) & (n <= 1e15) & (p >= 0) & (p <= 1)
    flipped = p > 0.5  # then failures are counted
    q = np.where(flipped, 1.0 - p, p)
    result = np.zeros(n.shape)
    small = np.flatnonzero(valid & (n * q < 10.0))
    odds, trials = q[small] / (1.0 - q[small]), n[small]
    result[small] = _inverted(
        draws.uniforms(small)[0],
        np.exp(trials * np.log1p(-q[small])),
        lambda k: np.maximum(trials - k + 1, 0.0) / k * odds,
        100,
    )
    large = np.flatnonzero(valid & (n * q >= 10.0))
    result[large] = _binomial_by_rejection(draws, large, n[large], q[large])
    result = np.minimum(result, n)  # rounded sums of probabilities may end below 1
    result = np.where(valid, np.where(flipped, n - result, result), -1.0)
    return result.astype(dtype).reshape(counts.shape)


def _binomial_by_rejection(draws: Draws, elements: Any, n: Any, p: Any) -> Any:
    spread = np.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c, inside = n * p + 0.5, 0.92 - 4.2 / b
    alpha, log_odds = (2.83 + 5.1 / b) * spread, np.log(p / (1.0 - p))
    mode = np.floor((n + 1.0) * p)
    top = log_gamma(mode + 1.0) + log_gamma(n - mode + 1.0)
    result, pending = mode.copy(), np.arange(len(elements))
    for attempt in range(_ATTEMPTS):
        if not pending.size:
            break
        u, v = draws.uniforms(elements[pending], attempt)
        i = pending
        u -= 0.5
        us = 0.5 - np.abs(u)
        k = np.floor((2.0 * a[i] / us + b[i]) * u + c[i])
        possible = (k >= 0) & (k <= n[i])
        kept = np.clip(k, 0.0, n[i])
        weight = np.log(v * alpha[i] / (a[i] / (us * us) + b[i]))
        bound = top[i] - log_gamma(kept + 1.0) - log_gamma(n[i] - kept + 1.0)
        found = weight <= bound + (kept - mode[i]) * log_odds[i]
        found = possible & (found | ((us >= 0.07) & (v <= inside[i])))
        result[i[found]] = k[found]
        pending = i[~found]
    return result


@random_binomial.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        pair = array(rng, (3, 5), dtype, 0.0, 90.0), array(rng, (3, 5), dtype, 0.0, 1.0)
        yield Sample(pair, _SEED, label=dtype)
    yield Sample((np.array(12.0), np.array(0.3)), _SEED, label="0-d")
    yield Sample((np.array([[3.0], [200.0]]), np.array([0.1, 0.5, 0.9])), _SEED, label="broadcast")
    yield Sample((np.ones((0, 3)), np.ones(3)), _SEED, label="empty")
    large = array(rng, (4099,), "float32", 0.0, 500.0), array(rng, (4099,), "float32", 0.0, 1.0)
    yield Sample(large, {"dtype": "int32", **_SEED}, label="large")


@random_binomial.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(2), np.ones(3)), match="do not broadcast")
    args = np.ones(2), np.ones(2)
    yield Reject(args, {"dtype": "complex64"}, error=TypeError, match="real part")


@op(infer="random:categorical", effects="random")
def random_categorical(
    logits: TensorLike,
    num_samples: int = 1,
    *,
    dtype: DTypeLike = "int64",
    seed: int | None = None,
) -> Tensor:
    """Draw classes, each with the probability that softmax(logits) gives it.

    Args:
        logits: [..., classes], any real dtype; at least one class. A row with NaN gives class 0.
        num_samples: How many to draw for each row, independently.
        dtype: An integer dtype.
        seed: Draw the same classes in every call; None continues the stream that `set_seed` began.

    Returns:
        [..., num_samples], of `dtype`.

    Raises:
        ValueError: There is no class, or `num_samples` is negative.
        TypeError: The logits are complex or a string tensor, or `dtype` is not an integer dtype.

    Example:
        >>> penstock.random.categorical([[0.0, -1e9], [-1e9, 0.0]], 3)
        Tensor([[0, 0, 0],
                [1, 1, 1]], shape=(2, 3), dtype=int64)
    """


random_categorical.batch(_batch.same)
random_categorical.not_differentiable(_JUMPS)


@random_categorical.reference
def _(key: int, counter: int, logits: Any, num_samples: int, dtype: Any, seed: Any = None) -> Any:
    shape = (*logits.shape[:-1], num_samples)
    rows = logits.astype(np.float64).reshape(-1, logits.shape[-1])
    total = len(rows) * num_samples
    u, _ = Draws.of(key, counter, dtype).uniforms(np.arange(total, dtype=np.uint64))
    ends = np.cumsum(np.exp(rows - rows.max(-1, keepdims=True)), -1) if total else rows
    drawn = np.zeros((len(rows), num_samples), np.int64)
    for row, end, at in zip(drawn, ends, u.reshape(drawn.shape), strict=True):
        if total and np.isfinite(end[-1]):
            below = np.nextafter(end[-1], 0.0)  # rounding must not reach the end
            row[...] = np.searchsorted(end, np.minimum(at * end[-1], below), side="right")
    return drawn.astype(dtype).reshape(shape)


@random_categorical.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (3, 5), dtype), 4), _SEED, label=dtype)
    yield Sample((array(rng, (5,)), 3), {"dtype": "int32", **_SEED}, label="one row")
    yield Sample((array(rng, (2, 3, 2)),), _SEED, label="more axes")
    yield Sample((np.ones((0, 3)), 2), _SEED, label="empty")
    yield Sample(
        (np.array([[-np.inf, 0.0, -np.inf], [np.nan, 1.0, 2.0]]), 4), _SEED, label="special"
    )
    yield Sample((array(rng, (7, 3, 33), "float32").transpose(1, 0, 2), 40), _SEED, label="large")


@random_categorical.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 0)),), match="at least one class")
    yield Reject((np.ones((2, 2)), -1), match="must not be negative")
    yield Reject((np.ones((2, 2)),), {"dtype": "float32"}, error=TypeError, match="integer dtype")


@op(infer="random:candidates", effects="random", outputs=2)
def log_uniform_candidates(
    num_sampled: int, range_max: int, unique: bool = True, *, seed: int | None = None
) -> tuple[Tensor, Tensor]:
    """Draw classes that are numbered by falling frequency, as the words of a vocabulary often are.

    Class k has the probability (ln(k + 2) - ln(k + 1)) / ln(range_max + 1).

    Args:
        num_sampled: How many classes to draw.
        range_max: How many classes there are.
        unique: Draw no class twice.
        seed: Draw the same classes in every call; None continues the stream that `set_seed` began.

    Returns:
        [num_sampled] int64, the classes; and, 0-d int64, how many draws it took to find them.

    Raises:
        ValueError: A number is out of range, or there are fewer classes than `unique` asks for.

    Example:
        >>> classes, draws = penstock.ops.log_uniform_candidates(3, 3, seed=1)
        >>> penstock.sort(classes)
        Tensor([0, 1, 2], shape=(3,), dtype=int64)
    """


log_uniform_candidates.not_differentiable(NO_INPUTS)

_AT_ONCE = 1024  # draws made together; only the speed depends on it


@log_uniform_candidates.reference
def _(
    key: int, counter: int, num_sampled: int, range_max: int, unique: bool, seed: Any = None
) -> Any:
    draws = Draws(key, counter, _AT_ONCE)  # a third word that no element of other ops reaches
    found: dict[int, None] = {}
    plain: list[int] = []
    taken, batch = 0, 0
    while len(found if unique else plain) < num_sampled:
        elements = np.arange(8, _AT_ONCE, dtype=np.uint64)
        u, _ = draws.uniforms(elements, batch)
        classes = np.floor(np.exp(u * np.log1p(range_max))) - 1.0
        for number in np.clip(classes, 0, range_max - 1).astype(np.int64).tolist():
            plain.append(number)
            found[number] = None
            taken += 1
            if len(found if unique else plain) == num_sampled:
                break
        batch += 1
    return np.array(list(found if unique else plain), np.int64), np.int64(taken)


@log_uniform_candidates.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample((5, 40), _SEED, label="unique")
    yield Sample((40, 5, False), _SEED, label="repeated")
    yield Sample((4, 4), _SEED, label="all")
    yield Sample((0, 3), _SEED, label="empty")
    yield Sample((500, 10**6), _SEED, label="large")


@log_uniform_candidates.rejects
def _() -> Iterator[Reject]:
    yield Reject((5, 4), match="use unique=False")
    yield Reject((-1, 4), match="at least one class")
