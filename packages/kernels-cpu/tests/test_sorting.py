"""Sorting against NumPy: every size at which the method changes, ties, NaN and signed zeros, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import penstock as ps

Array = np.ndarray[Any, Any]
DTYPES = ["float32", "float64", "int32", "int64"]
ONE_NAN = {"allow_nan": True, "allow_infinity": True, "allow_subnormal": True}


def order(x: Array, descending: bool) -> Array:
    """Sort positions along the last axis; equal elements keep their order."""
    if not descending:
        return np.argsort(x, -1, kind="stable")
    return x.shape[-1] - 1 - np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1]


def same(got: Any, want: Array) -> None:
    """Require the same numbers, with the same signs of zeros."""
    np.testing.assert_array_equal(got.numpy(), want)
    if want.dtype.kind == "f":
        real = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got.numpy()[real]), np.signbit(want[real]))


def check(x: Array) -> None:
    for descending in (False, True):
        positions = order(x, descending)
        values = np.take_along_axis(x, positions, -1)
        same(ps.argsort(x, descending=descending), positions)
        same(ps.sort(x, descending=descending), values)
        for k in {0, 1, x.shape[-1] // 20, x.shape[-1] // 8, x.shape[-1]}:
            if k <= x.shape[-1]:
                got = ps.top_k(x, k, largest=descending)
                same(got[0], values[..., :k])
                same(got[1], positions[..., :k])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [0, 1, 2, 63, 64, 65, 300, 5000])
def test_every_size(n: int, dtype: str, rng: np.random.Generator) -> None:
    for spread in (3, 1000, 2**30):
        check(rng.integers(-spread, spread, (7, n)).astype(dtype))
    check((rng.standard_normal((2, n)) * 1e6).astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_every_float(data: Any, dtype: str) -> None:
    few = st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0])
    width = 32 if dtype == "float32" else 64
    elements = few | st.floats(width=width, **ONE_NAN)
    check(data.draw(hnp.arrays(dtype, st.integers(0, 90), elements=elements)))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_the_ends_of_the_integers(dtype: str) -> None:
    limits = np.iinfo(dtype)
    check(np.array([0, limits.max, -1, limits.min, 1, limits.max, limits.min], dtype))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_axis(axis: int, draw: Any) -> None:
    x = draw(4, 70, 9)
    np.testing.assert_array_equal(ps.sort(x, axis).numpy(), np.sort(x, axis))
    np.testing.assert_array_equal(ps.argsort(x, axis).numpy(), np.argsort(x, axis, kind="stable"))
    values, positions = ps.top_k(x, 3, axis)
    np.testing.assert_array_equal(values.numpy(), np.take(-np.sort(-x, axis), np.arange(3), axis))
    np.testing.assert_array_equal(np.take_along_axis(x, positions.numpy(), axis), values.numpy())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_places_in_a_sequence(side: str, dtype: str, rng: np.random.Generator) -> None:
    for n in (0, 1, 2, 100, 1001):
        sequence = np.sort(rng.integers(-50, 50, n).astype(dtype))
        values = rng.integers(-55, 55, (20, 30)).astype(dtype)
        got = ps.searchsorted(sequence, values, side=side).numpy()
        np.testing.assert_array_equal(got, np.searchsorted(sequence, values, side))
    rows = np.sort(rng.integers(-9, 9, (3, 4, 20)).astype(dtype))
    values = rng.integers(-9, 9, (3, 4, 7)).astype(dtype)
    got = ps.searchsorted(rows, values, side=side).numpy()
    for row in np.ndindex(3, 4):
        np.testing.assert_array_equal(got[row], np.searchsorted(rows[row], values[row], side))


@pytest.mark.parametrize("side", ["left", "right"])
def test_places_of_nan_and_zeros(side: str, rng: np.random.Generator) -> None:
    special = np.array([np.nan, -np.nan, -0.0, 0.0, np.inf, -np.inf, 1e-45], np.float32)
    for n in (1, 5, 64, 333):
        for dtype in ("float32", "float64"):
            sequence = np.sort(rng.choice(special, n).astype(dtype))
            got = ps.searchsorted(sequence, special.astype(dtype), side=side).numpy()
            np.testing.assert_array_equal(got, np.searchsorted(sequence, special, side))


def test_the_number_of_threads_changes_nothing(python: Callable[..., str]) -> None:
    code = """
        import hashlib
        import numpy as np
        import penstock as ps
        x = np.random.default_rng(0).integers(0, 50, (300, 2000)).astype("f4")
        parts = [ps.argsort(x), ps.argsort(x, 0), ps.sort(x), *ps.top_k(x, 9), *ps.top_k(x, 999)]
        print(hashlib.sha256(b"".join(p.numpy().tobytes() for p in parts)).hexdigest())
    """
    assert len({python(code, PENSTOCK_NUM_THREADS=str(n)) for n in (1, 2, 5)}) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kinds", [1, 2, 5, 1 << 30])
def test_values_of_every_length_around_those_of_the_networks(dtype: str, kinds: int) -> None:
    rng = np.random.default_rng(kinds)
    lengths = [*range(1, 70), *range(120, 137), 255, 256, 257, 400, 1023, 5000, 70_001]
    for n in lengths:
        x = rng.integers(0, kinds, n).astype(dtype) - np.dtype(dtype).type(kinds // 2)
        np.testing.assert_array_equal(ps.sort(x).numpy(), np.sort(x))
        np.testing.assert_array_equal(ps.sort(x, descending=True).numpy(), np.sort(x)[::-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orders_that_choose_bad_pivots(dtype: str) -> None:
    rising = np.arange(20_001, dtype=dtype)
    largest = np.full(5000, np.nan, dtype)
    saw = np.tile(np.arange(7, dtype=dtype), 900)
    for x in (rising, rising[::-1], np.concatenate([rising, rising[::-1]]), largest, saw,
              np.concatenate([largest, saw]), np.abs(rising - 10_000)):  # fmt: skip
        check(x.copy()[None])


@pytest.mark.parametrize("dtype", ["float64", "int64"])
@pytest.mark.parametrize("n", [100, 3000])
def test_keys_that_differ_late(n: int, dtype: str, rng: np.random.Generator) -> None:
    """The first 32 bits are equal in runs; what decides comes after them."""
    for kinds, late in [(1, 2**20), (3, 2**31), (n // 3, 4), (n // 30, 2)]:
        bits = (rng.integers(0, kinds, (2, n)) << 40) + rng.integers(0, late, (2, n)) + (1 << 60)
        check(bits.view(dtype))


def test_signed_zeros_in_long_rows(rng: np.random.Generator) -> None:
    x = rng.choice(np.array([-1, -0.0, 0.0, 1], np.float32), (3, 5000))
    check(x)
    want = np.take_along_axis(x, order(x, True), -1)
    same(ps.function(lambda a: ps.sort(a * 1, descending=True))(x), want)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kinds", [1, 7, 2**30])
def test_different_elements(kinds: int, dtype: str, rng: np.random.Generator) -> None:
    for shape in [(0,), (), (1,), (3, 21), (5, 1001)]:
        x = np.asarray(rng.integers(-kinds, kinds, shape).astype(dtype))
        if dtype[0] == "f":
            x[rng.random(shape) < 0.1] = np.nan
            x[rng.random(shape) < 0.1] = -0.0
        names = ("return_index", "return_inverse", "return_counts")
        found = ps.unique(x, **dict.fromkeys(names, True))
        want = np.unique(x, **dict.fromkeys(names, True))
        for got, expected in zip(found, want, strict=True):
            same(got, expected.reshape(got.shape))
        for size in (1, 5):
            values, _, places, counts = ps.ops.unique_(x, size)
            n = min(size, want[0].size)
            np.testing.assert_array_equal(values.numpy()[:n], want[0][:n])
            np.testing.assert_array_equal(values.numpy()[n:], np.resize(want[0][:1], size)[n:])
            np.testing.assert_array_equal(places.numpy(), want[2].reshape(x.shape))
            np.testing.assert_array_equal(counts.numpy(), np.r_[want[3][:n], [0] * (size - n)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_counting_up_and_down(dtype: str) -> None:
    for start, stop, step in [(0, 70_001, 1), (5, -30, -3), (-1.3, 99.7, 0.1), (3, 3, 1)]:
        got = ps.arange(start, stop, step, dtype).numpy()
        want = start + step * np.arange(max(np.ceil((stop - start) / step), 0))
        np.testing.assert_array_equal(got, want.astype(dtype))
