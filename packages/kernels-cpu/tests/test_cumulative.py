"""Running totals against NumPy in double precision: every axis, both directions, short and long lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps

SHAPES = [(1,), (7,), (65_536,), (65_537,), (200_001,), (2, 70_000), (3, 5, 130), (40, 3), (2, 0)]


def walked(accumulate: Any, x: Any, axis: int, reverse: bool) -> Any:
    return np.flip(accumulate(np.flip(x, axis), axis), axis) if reverse else accumulate(x, axis)


def without_itself(accumulate: Any, neutral: int) -> Any:
    def walk(x: Any, axis: int) -> Any:
        rest = np.roll(accumulate(x, axis), 1, axis)
        rest[(slice(None),) * axis + (slice(0, 1),)] = neutral
        return rest

    return walk


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_sums(shape: Any, reverse: bool, exclusive: bool, draw: Any) -> None:
    x = draw(*shape)
    whole = (x * 10).astype(np.int64)
    add = without_itself(np.cumsum, 0) if exclusive else np.cumsum
    for axis in range(len(shape)):
        flags = {"exclusive": exclusive, "reverse": reverse}
        got = ps.cumsum(x, axis, **flags).numpy()
        want = walked(add, x.astype(np.float64), axis, reverse)
        # Half an ULP of rounding, and what lies between two orders of adding in double precision.
        np.testing.assert_allclose(got, want, rtol=6.1e-8, atol=1e-10)
        got = ps.cumsum(whole, axis, **flags).numpy()
        np.testing.assert_array_equal(got, walked(add, whole, axis, reverse))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reverse", [False, True])
def test_products(shape: Any, reverse: bool, draw: Any) -> None:
    x = np.exp(draw(*shape) * np.float32(0.01))
    for axis in range(len(shape)):
        got = ps.cumprod(x, axis, reverse=reverse).numpy()
        want = walked(np.cumprod, x.astype(np.float64), axis, reverse)
        np.testing.assert_allclose(got, want, rtol=6.1e-8)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reverse", [False, True])
def test_extremes(shape: Any, reverse: bool, draw: Any) -> None:
    x = draw(*shape)
    for dtype in (np.float32, np.int32, np.int64):
        values = (x * 1000).astype(dtype)
        for axis in range(len(shape)):
            for op, ufunc in ((ps.cummax, np.maximum), (ps.cummin, np.minimum)):
                got = op(values, axis, reverse=reverse).numpy()
                want = walked(ufunc.accumulate, values, axis, reverse)
                np.testing.assert_array_equal(got, want)


def test_not_a_number_stays_and_infinities_count() -> None:
    x = np.array([-np.inf, 1, np.nan, 5, np.inf], np.float32)
    np.testing.assert_array_equal(ps.cummax(x).numpy(), np.maximum.accumulate(x))
    np.testing.assert_array_equal(ps.cummin(x).numpy(), np.minimum.accumulate(x))
    np.testing.assert_array_equal(ps.cumsum(x).numpy(), np.cumsum(x))
    lowest = np.full(3, -np.inf, np.float32)
    np.testing.assert_array_equal(ps.cummax(lowest).numpy(), lowest)
    smallest = np.full(3, np.iinfo(np.int64).min)
    np.testing.assert_array_equal(ps.cummax(smallest).numpy(), smallest)
    np.testing.assert_array_equal(ps.cummin(~smallest).numpy(), ~smallest)
