"""Random kernels: Philox written out here in Python integers decides every bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]
MASK = 2**32 - 1


def philox(key: int, counter: int) -> list[int]:
    """One block of Philox4x32-10, as in the paper."""
    x = [counter & MASK, counter >> 32, 0, 0]
    k = [key & MASK, key >> 32]
    for _ in range(10):
        a, b = x[0] * 0xD2511F53, x[2] * 0xCD9E8D57
        x = [(b >> 32) ^ x[1] ^ k[0], b & MASK, (a >> 32) ^ x[3] ^ k[1], a & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return x


def reference(name: str, shape: tuple[int, ...], key: int, counter: int, **attrs: float) -> Array:
    fn = ps.ops.BLOCKS[name].reference_fn
    assert fn is not None
    result = fn(key, counter, shape=shape, dtype=np.dtype(np.float32), seed=None, **attrs)
    return np.asarray(result)


def at(key: int, counter: int, draw: Any) -> Array:
    """Draw with the generator at one place."""
    before = ps._native.random_state()
    ps._native.set_random_state(key, counter)
    try:
        return np.asarray(draw().numpy())
    finally:
        ps._native.set_random_state(*before)


def test_known_answers_of_philox() -> None:
    # From the test vectors of Random123.
    assert philox(0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


PLACES = [(0, 0), (1234, 5), (2**64 - 1, 2**32 - 3), (2**40 + 7, 2**63 - 100)]


@pytest.mark.parametrize(("key", "counter"), PLACES)
@pytest.mark.parametrize("n", [1, 3, 4, 63, 64, 65, 1001])
def test_uniform_numbers_are_philox_words(key: int, counter: int, n: int) -> None:
    words = [w for block in range(-(-n // 4)) for w in philox(key, (counter + block) & (2**64 - 1))]
    want = np.array([w >> 8 for w in words[:n]], np.float64) * 2**-24
    np.testing.assert_array_equal(at(key, counter, lambda: ps.random.uniform((n,))), want)


@pytest.mark.parametrize(("key", "counter"), PLACES)
@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 1001])
def test_uniform_doubles_are_pairs_of_words(key: int, counter: int, n: int) -> None:
    words = [w for block in range(-(-n // 2)) for w in philox(key, (counter + block) & (2**64 - 1))]
    whole = [(low | high << 32) >> 11 for low, high in zip(words[::2], words[1::2], strict=True)]
    drawn = np.array(whole[:n], np.float64) * 2**-53
    for low, high in [(0.0, 1.0), (-1.3, 2.1), (1.0, 1.0 + 2**-51), (3.0, 3.0)]:
        got = at(key, counter, lambda: ps.random.uniform((n,), low, high, dtype="float64"))  # noqa: B023
        want = low + drawn * (high - low)
        np.testing.assert_array_equal(got, np.where(want < high, want, np.nextafter(high, low)))


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-1, 1), (0.3, 0.7), (-5.5, 123), (1e-3, 1), (2, 2)]
)
@pytest.mark.parametrize(("key", "counter"), PLACES[:2])
def test_uniform_bits_are_those_of_the_reference(
    key: int, counter: int, low: float, high: float
) -> None:
    got = at(key, counter, lambda: ps.random.uniform((7, 999), minval=low, maxval=high))
    np.testing.assert_array_equal(
        got, reference("random_uniform", (7, 999), key, counter, minval=low, maxval=high)
    )


@pytest.mark.parametrize(("mean", "stddev"), [(0, 1), (3, 0.5), (-100, 10)])
@pytest.mark.parametrize(("key", "counter"), PLACES[:3])
def test_normal_numbers_are_close_to_the_reference(
    key: int, counter: int, mean: float, stddev: float
) -> None:
    got = at(key, counter, lambda: ps.random.normal((3, 1001), mean=mean, stddev=stddev))
    want = reference("random_normal", (3, 1001), key, counter, mean=mean, stddev=stddev)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6 * stddev)


def test_uniform_statistics() -> None:
    x = at(7, 0, lambda: ps.random.uniform((1_000_000,), minval=-1, maxval=3)).astype(np.float64)
    assert x.min() >= -1
    assert x.max() < 3
    assert abs(x.mean() - 1) < 5 * np.sqrt(16 / 12 / 1e6)
    counts = np.histogram(x, 100, (-1, 3))[0]
    assert ((counts - 1e4) ** 2 / 1e4).sum() < 99 + 5 * np.sqrt(2 * 99)  # chi squared
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 5e-3


def test_normal_statistics() -> None:
    special = pytest.importorskip("scipy.special")
    x = np.sort(at(8, 0, lambda: ps.random.normal((1_000_000,))).astype(np.float64))
    assert abs(x.mean()) < 5e-3
    assert abs(x.std() - 1) < 5e-3
    distance = np.abs(special.ndtr(x) - (np.arange(1e6) + 0.5) / 1e6).max()  # Kolmogorov-Smirnov
    assert distance < 2e-3
    assert np.isfinite(x).all()


@pytest.mark.parametrize("name", ["uniform", "normal"])
@pytest.mark.parametrize("blocks", [1, 4, 5, 33])
def test_draws_go_on_where_the_last_one_ended(name: str, blocks: int) -> None:
    draw = getattr(ps.random, name)
    ps.random.set_seed(3)
    parts = [draw((4 * blocks,)).numpy() for _ in range(5)]
    ps.random.set_seed(3)
    whole = draw((5, 4 * blocks)).numpy()
    np.testing.assert_array_equal(np.stack(parts), whole)


def test_maxval_is_never_reached() -> None:
    x = at(1, 0, lambda: ps.random.uniform((200_000,), minval=1.0, maxval=1.0000002))
    assert x.min() >= 1
    assert x.max() < np.float32(1.0000002)
