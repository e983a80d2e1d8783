"""`keras.random` against the distributions' own moments and quantiles, as SciPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import penstock as ps
from penstock import keras

random = keras.random
MANY = (20000,)


@pytest.mark.parametrize(
    ("drawn", "truth"),
    [
        (lambda s: random.uniform(MANY, -1.0, 3.0, seed=s), stats.uniform(-1, 4)),
        (lambda s: random.normal(MANY, 2.0, 0.5, seed=s), stats.norm(2, 0.5)),
        (lambda s: random.truncated_normal(MANY, 1.0, 2.0, seed=s), stats.truncnorm(-2, 2, 1, 2)),
        (lambda s: random.gamma(MANY, 2.5, seed=s), stats.gamma(2.5)),
        (lambda s: random.gamma(MANY, 0.3, seed=s), stats.gamma(0.3)),
        (lambda s: random.beta(MANY, 2.0, 0.7, seed=s), stats.beta(2, 0.7)),
    ],
)
def test_numbers_follow_the_distribution(drawn: Any, truth: Any) -> None:
    x = drawn(5).numpy().astype("float64")
    assert stats.kstest(x, truth.cdf).pvalue > 1e-3
    np.testing.assert_array_equal(x, drawn(5).numpy())
    assert not np.array_equal(x, drawn(6).numpy())


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (20, 0.1), (20, 0.9), (300, 0.45)])
def test_binomial_counts_successes(n: int, p: float) -> None:
    x = random.binomial(MANY, n, p, seed=3).numpy()
    counts = np.bincount(x.astype(int), minlength=n + 1)
    want = stats.binom(n, p).pmf(np.arange(n + 1)) * MANY[0]
    common = want > 20
    chi2 = ((counts - want)[common] ** 2 / want[common]).sum()
    assert counts.sum() == MANY[0]
    assert stats.chi2(common.sum()).sf(chi2) > 1e-4


def test_randint_draws_all_numbers_alike() -> None:
    counts = np.bincount(random.randint(MANY, 2, 7, seed=1).numpy())
    assert counts[:2].sum() == 0
    assert stats.chisquare(counts[2:]).pvalue > 1e-4


def test_categorical_follows_the_softmax() -> None:
    logits = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-9]], np.float32))
    x = random.categorical(logits, 9000, seed=1).numpy()
    assert x.shape == (2, 9000)
    np.testing.assert_allclose(np.bincount(x[0]) / 9000, [0.1, 0.2, 0.7], atol=0.02)
    assert x[1].max() == 1


def test_shuffle_keeps_the_slices() -> None:
    x = np.arange(24).reshape(4, 6)
    made = random.shuffle(x, axis=1, seed=2).numpy()
    assert not np.array_equal(made, x)
    assert sorted(map(tuple, made.T)) == sorted(map(tuple, x.T))


def test_dropout_scales_what_is_left() -> None:
    x = random.dropout(keras.ops.ones((50, 400)), 0.25, noise_shape=(None, 1), seed=1).numpy()
    assert set(np.unique(x).round(4)) == {0.0, np.float32(4 / 3).round(4)}
    assert np.all(x == x[:, :1])


def test_a_generator_goes_on_inside_of_a_function() -> None:
    seeds = random.SeedGenerator(7)
    draw = ps.function(lambda: random.gamma((3,), 2.0, seed=seeds))
    first, second = draw().numpy(), draw().numpy()
    again = random.SeedGenerator(7)
    np.testing.assert_array_equal(first, random.gamma((3,), 2.0, seed=again).numpy())
    np.testing.assert_array_equal(second, random.gamma((3,), 2.0, seed=again).numpy())
    assert not np.array_equal(first, second)


def test_set_random_seed_begins_the_generator_of_the_program_anew() -> None:
    draw = ps.function(lambda: random.normal((3,)))
    keras.utils.set_random_seed(4)
    first = [draw().numpy(), random.uniform((2,)).numpy()]
    keras.utils.set_random_seed(4)
    for x, again in zip(first, [draw().numpy(), random.uniform((2,)).numpy()], strict=True):
        np.testing.assert_array_equal(x, again)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64"])
def test_the_dtype_is_the_one_asked_for(name: str) -> None:
    for made in (random.normal((2,), dtype=name, seed=1), random.beta((2,), 1.0, 2.0, name, 1)):
        assert made.dtype == name


@pytest.mark.parametrize(
    ("call", "error", "remedy"),
    [
        (lambda: random.uniform((2,), dtype="int32"), TypeError, "use a float dtype"),
        (lambda: random.randint((2,), 3, 3), ValueError, "maxval above minval"),
        (lambda: random.randint((2,), 0, 3, "float32"), TypeError, "use a whole dtype"),
        (lambda: random.categorical([1.0, 2.0], 3), ValueError, r"give \[batch, classes\]"),
        (lambda: random.dropout([1.0], 1.5), ValueError, "number from 0 to 1"),
    ],
)
def test_errors_say_what_to_use(call: Any, error: type[Exception], remedy: str) -> None:
    with pytest.raises(error, match=remedy):
        call()
