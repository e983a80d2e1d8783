"""Random numbers against the distributions that SciPy knows: Kolmogorov-Smirnov and chi-square, with fixed seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.errors import InvalidValueError

stats = pytest.importorskip("scipy.stats")
N = 40_000
# With fixed seeds a test passes always or never; a right sampler falls below this once in ten thousand seeds.
SMALLEST_P = 1e-4


def fits(drawn: Any, distribution: Any) -> None:
    """Compare with a continuous distribution."""
    x = np.asarray(drawn.numpy(), np.float64).ravel()
    assert stats.kstest(x, distribution.cdf).pvalue > SMALLEST_P


def counts_fit(drawn: Any, distribution: Any) -> None:
    """Compare with a discrete distribution; rare numbers are put together."""
    x = np.asarray(drawn.numpy(), np.float64).ravel()
    low, high = distribution.ppf(0.002), distribution.ppf(0.998)
    values = np.arange(low, high + 1)
    expected = distribution.pmf(values)
    tail = [distribution.cdf(low - 1), distribution.sf(high)]
    seen = [np.sum(x < low), *(np.sum(x == v) for v in values), np.sum(x > high)]
    probabilities = np.array([tail[0], *expected, tail[1]])
    kept = probabilities > 1e-12
    assert np.sum(np.array(seen)[~kept]) == 0
    result = stats.chisquare(np.array(seen)[kept], probabilities[kept] * len(x))
    assert result.pvalue > SMALLEST_P


def test_truncated_normal() -> None:
    x = ps.random.truncated_normal((N,), 1.0, 3.0, seed=3)
    fits(x, stats.truncnorm(-2, 2, 1, 3))
    fits(ps.random.truncated_normal((N,), lower=-0.5, upper=3, seed=4), stats.truncnorm(-0.5, 3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_simple_transformations(dtype: str) -> None:
    fits(ps.random.exponential((N,), 2.5, dtype=dtype, seed=1), stats.expon(scale=0.4))
    fits(ps.random.gumbel((N,), 1.0, 2.0, dtype=dtype, seed=2), stats.gumbel_r(1, 2))
    fits(ps.random.laplace((N,), -1.0, 0.5, dtype=dtype, seed=3), stats.laplace(-1, 0.5))


@pytest.mark.parametrize("alpha", [0.05, 0.5, 1.0, 3.7, 200.0])
def test_gamma(alpha: float) -> None:
    fits(ps.random.gamma((N,), alpha, 2.0, dtype="float64", seed=5), stats.gamma(alpha, scale=0.5))


@pytest.mark.parametrize(("alpha", "beta"), [(0.2, 0.3), (1.0, 1.0), (2.0, 5.0), (300.0, 2.0)])
def test_beta(alpha: float, beta: float) -> None:
    drawn = ps.random.beta((N,), alpha, beta, dtype="float64", seed=6)
    fits(drawn, stats.beta(alpha, beta))


def test_dirichlet_has_beta_margins() -> None:
    drawn = ps.random.dirichlet(ps.broadcast_to(ps.asarray([1.0, 2.0, 4.0]), (N, 3)), seed=8)
    np.testing.assert_allclose(ps.sum(drawn, -1).numpy(), 1.0, rtol=1e-6)
    for i, a in enumerate([1.0, 2.0, 4.0]):
        fits(drawn[:, i], stats.beta(a, 7.0 - a))


@pytest.mark.parametrize("rate", [0.1, 3.0, 9.99, 10.0, 35.5, 1000.0])
def test_poisson(rate: float) -> None:
    counts_fit(ps.random.poisson((N,), rate, seed=9), stats.poisson(rate))


@pytest.mark.parametrize(
    ("n", "p"), [(1, 0.3), (20, 0.5), (20, 0.95), (1000, 0.001), (100, 0.3), (500, 0.8)]
)
def test_binomial(n: int, p: float) -> None:
    counts_fit(ps.random.binomial((N,), n, p, seed=10), stats.binom(n, p))


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_integers(dtype: str) -> None:
    drawn = ps.random.randint((N,), 3, 40, dtype=dtype, seed=11)
    assert drawn.dtype == dtype
    counts_fit(drawn, stats.randint(3, 40))


def test_integers_reach_over_a_wide_range() -> None:
    x = ps.random.randint((N,), -(2**62), 2**62, seed=12).numpy()
    assert stats.kstest(x / 2.0**62, stats.uniform(-1, 2).cdf).pvalue > SMALLEST_P


def test_the_high_half_of_a_product_is_exact() -> None:
    from penstock.ops.sampling import _high_half

    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2**64, (2, 1000), dtype=np.uint64)
    expected = [int(x) * int(y) >> 64 for x, y in zip(a, b, strict=True)]
    assert _high_half(a, b).tolist() == expected


def test_categorical() -> None:
    logits = ps.asarray([[0.0, 1.0, -1.0, 0.5], [-np.inf, 0.0, 0.0, -np.inf]])
    drawn = ps.random.categorical(logits, N, seed=13)
    probabilities = ps.softmax(logits).numpy().astype(np.float64)
    for row, p in zip(drawn.numpy(), probabilities, strict=True):
        seen = np.bincount(row, minlength=4)
        assert seen[p == 0].sum() == 0
        p = p[p > 0] / p.sum()
        assert stats.chisquare(seen[seen > 0], p * N).pvalue > SMALLEST_P


def test_bernoulli_takes_a_tensor() -> None:
    drawn = ps.random.bernoulli((N, 3), ps.asarray([0.0, 0.25, 1.0]), seed=14)
    means = ps.mean(ps.cast(drawn, "float32"), 0).numpy()
    np.testing.assert_allclose(means, [0, 0.25, 1], atol=4 * np.sqrt(0.25 * 0.75 / N))


def test_permutations_are_equally_likely() -> None:
    ps.random.set_seed(15)
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(2400):
        order = tuple(ps.random.permutation(4).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 24
    assert stats.chisquare(list(seen.values())).pvalue > SMALLEST_P


def test_shuffle_moves_slices() -> None:
    x = np.arange(60).reshape(5, 12)
    shuffled = ps.random.shuffle(x, 1, seed=1).numpy()
    assert not np.array_equal(shuffled, x)
    np.testing.assert_array_equal(shuffled[:, np.argsort(shuffled[0])], x)


def test_candidates_are_log_uniform() -> None:
    classes, draws = ps.ops.log_uniform_candidates(N, 30, False, seed=16)
    assert int(draws) == N
    k = np.arange(30)
    p = np.log((k + 2) / (k + 1)) / np.log(31)
    assert stats.chisquare(np.bincount(classes.numpy(), minlength=30), p * N).pvalue > SMALLEST_P
    unique, draws = ps.ops.log_uniform_candidates(25, 30, seed=17)
    assert len(set(unique.tolist())) == 25
    assert int(draws) >= 25


SAMPLERS = {
    "gamma": lambda n, **k: ps.random.gamma((n,), 0.7, dtype="float32", **k),
    "poisson": lambda n, **k: ps.random.poisson((n,), 30.0, **k),
    "binomial": lambda n, **k: ps.random.binomial((n,), 100, 0.4, dtype="float32", **k),
    "randint": lambda n, **k: ps.random.randint((n,), 0, 1000, **k),
    "categorical": lambda n, **k: ps.random.categorical([[0.0, 1.0, 2.0]], n, **k),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_draws_go_on_where_the_last_one_ended(name: str) -> None:
    draw = SAMPLERS[name]
    ps.random.set_seed(3)
    parts = [draw(8).numpy() for _ in range(4)]
    ps.random.set_seed(3)
    whole = draw(32).numpy()
    np.testing.assert_array_equal(np.concatenate(parts, -1), whole)
    np.testing.assert_array_equal(draw(32, seed=5).numpy()[..., :8], draw(8, seed=5).numpy())


def test_seeds_and_functions_draw_the_same() -> None:
    def draw() -> Any:
        return ps.random.gamma((50,), 2.0), ps.random.poisson((50,), 20.0)

    ps.random.set_seed(4)
    eager = [t.numpy() for t in draw()]
    ps.random.set_seed(4)
    traced = [t.numpy() for t in ps.function(draw)()]
    for a, b in zip(eager, traced, strict=True):
        np.testing.assert_array_equal(a, b)


def test_dropout_with_noise_shape_drops_channels() -> None:
    y = ps.nn.dropout(ps.ones((4, 7, 16)), 0.5, noise_shape=(4, 1, 16), seed=1).numpy()
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert set(np.unique(y)) == {0.0, 2.0}


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: ps.random.truncated_normal((2,), lower=1, upper=0), "lower must be below upper"),
        (lambda: ps.random.exponential((2,), 0.0), "use a number above 0"),
        (lambda: ps.random.randint((2,), 5, 2), "minval must be below maxval"),
        (lambda: ps.random.shuffle([1.0, 2.0], 3), "axis"),
    ],
)
def test_refusals(call: Any, match: str) -> None:
    with pytest.raises((InvalidValueError, IndexError, ValueError), match=match):
        call()


ROWS = {
    "gamma": lambda x: ps.random.gamma((3,), 2.0),
    "gamma by row": lambda x: ps.ops.random_gamma(x + ps.ones((3,))),
    "poisson": lambda x: ps.random.poisson((3,), x + 50.0),
    "binomial": lambda x: ps.ops.random_binomial(ps.full((3,), 200.0), 0.5 + 0.0 * x),
    "randint": lambda x: ps.random.randint((3,), 0, 10**6),
    "categorical": lambda x: ps.random.categorical(ps.zeros((1000,)), 3),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_a_map_draw_their_own(name: str) -> None:
    drawn = ps.map(ROWS[name], ps.ones((6,))).numpy()
    assert drawn.shape[0] == 6
    assert drawn.size == 18
    assert len({row.tobytes() for row in drawn}) == 6


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 0.0), (-3.0, -1.0)])
def test_bfloat16_does_not_reach_the_upper_end(low: float, high: float) -> None:
    x = ps.random.uniform((200_000,), low, high, dtype="bfloat16", seed=2).numpy()
    assert x.min() >= low
    assert x.max() < high
    assert abs(x.mean() - (low + high) / 2) < 0.01 * (high - low)


@pytest.mark.parametrize("name", ["exponential", "gumbel", "laplace"])
def test_bfloat16_draws_are_finite(name: str) -> None:
    draw = getattr(ps.random, name)
    assert bool(ps.all(ps.isfinite(draw((200_000,), dtype="bfloat16", seed=2))))


@pytest.mark.parametrize(("lower", "upper"), [(6.0, 10.0), (-9.0, -6.0)])
def test_tails_that_float32_cannot_draw_are_refused(lower: float, upper: float) -> None:
    with pytest.raises(ps.errors.InvalidValueError, match=r"float32 cannot tell.*draw in float64"):
        ps.random.truncated_normal((3,), lower=lower, upper=upper)
    x = ps.random.truncated_normal((500,), lower=lower, upper=upper, dtype="float64", seed=1)
    wanted = stats.truncnorm(lower, upper).mean()
    assert abs(float(ps.mean(x)) - wanted) < 0.05
