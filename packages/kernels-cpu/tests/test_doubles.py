"""Kernels of float64, and whole numbers divided by one number: the bits of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps

RNG = np.random.default_rng(0)
UNARY = ["negative", "abs", "sign", "square", "sqrt", "reciprocal", "floor", "ceil", "trunc", "round"]  # fmt: skip
ASKED = ["isnan", "isinf", "isfinite"]
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum"]
COMPARED = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310, 1.7e308, -1.7e308, 0.5, -0.5, 1.5, 2.5, 2.0**52 + 0.5]
)  # fmt: skip


def provider(fn: Any, *arrays: Any) -> str:
    traced = ps.function(fn)
    traced(*map(ps.asarray, arrays))
    return str(ps.explain_placement(traced))


def same_bits(got: Any, want: Any) -> None:
    got = got.numpy()
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
    if want.dtype.kind == "f":
        numbers = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got)[numbers], np.signbit(want)[numbers])


@pytest.mark.parametrize("name", UNARY + ASKED)
def test_ops_on_one_array_give_the_bits_of_numpy(name: str) -> None:
    x = np.concatenate([SPECIAL, RNG.standard_normal(1003) * 10.0 ** RNG.integers(-300, 300, 1003)])
    with np.errstate(all="ignore"):
        want = getattr(np, {"abs": "absolute"}.get(name, name))(x)
        want = want + 0.0 if name == "sign" else want  # of -0.0 it is +0.0
    same_bits(getattr(ps, name)(ps.asarray(x)), want)
    assert "kernels-cpu" in provider(getattr(ps, name), x)


@pytest.mark.parametrize("name", BINARY + COMPARED)
@pytest.mark.parametrize("shapes", [((7, 33), (7, 33)), ((7, 33), (33,)), ((7, 1), (1, 33)), ((), (5,))])  # fmt: skip
def test_ops_on_two_arrays_give_the_bits_of_numpy(name: str, shapes: Any) -> None:
    x, y = (RNG.choice(SPECIAL, s) for s in shapes)
    with np.errstate(all="ignore"):
        want = np.asarray(getattr(np, name)(x, y))
    same_bits(getattr(ps, name)(ps.asarray(x), ps.asarray(y)), want)
    assert "kernels-cpu" in provider(getattr(ps, name), x, y)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min"])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), -1])
def test_reductions_are_as_exact_as_numpy(name: str, axis: Any) -> None:
    x = RNG.standard_normal((5, 37, 41)) * 0.9
    got, want = getattr(ps, name)(ps.asarray(x), axis=axis), getattr(np, name)(x, axis=axis)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
    assert "kernels-cpu" in provider(lambda x: getattr(ps, name)(x, axis=axis), x)


def test_reductions_of_long_rows_and_of_nothing() -> None:
    x = RNG.standard_normal(100_003)
    np.testing.assert_allclose(ps.sum(ps.asarray(x)), x.sum(), rtol=0, atol=1e-11)
    assert float(ps.sum(ps.asarray(x[:0]))) == 0.0
    assert np.isnan(float(ps.max(ps.asarray(np.where(np.arange(9) == 5, np.nan, 1.0)))))


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_places_of_extremes(name: str, axis: int | None) -> None:
    x = RNG.integers(0, 50, (33, 65)).astype(np.float64)
    x[4, 7] = np.nan
    got = getattr(ps, name)(ps.asarray(x), axis=axis).numpy()
    np.testing.assert_array_equal(got, getattr(np, name)(x, axis=axis))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_absolute_values_of_whole_numbers_wrap_around(dtype: Any) -> None:
    x = np.array([0, 1, -1, np.iinfo(dtype).max, np.iinfo(dtype).min], dtype)
    same_bits(ps.abs(ps.asarray(x)), np.abs(x))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_whole_numbers_divided_by_one(dtype: Any, data: Any) -> None:
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    near_powers = st.builds(
        lambda p, d: min(max(2**p + d, 1), most),
        st.integers(0, np.iinfo(dtype).bits - 1),
        st.integers(-1, 1),
    )
    divisor = data.draw(st.one_of(near_powers, st.integers(1, most), st.integers(least, -1)))
    x = RNG.integers(least, most, 500, dtype, endpoint=True)
    multiples = (x // np.array(divisor if divisor != -1 else 1, dtype)) * np.array(divisor, dtype)
    ends = np.array([least, least + 1, -1, 0, 1, most - 1, most], dtype)
    x = np.concatenate([x, multiples, multiples - np.array(1, dtype), ends])
    y = np.array(divisor, dtype)
    with np.errstate(all="ignore"):
        same_bits(ps.floor_divide(ps.asarray(x), ps.asarray(y)), np.floor_divide(x, y))
        same_bits(ps.remainder(ps.asarray(x), ps.asarray(y)), np.remainder(x, y))
