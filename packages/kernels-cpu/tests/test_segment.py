"""Segments and positions against plain loops and NumPy, for every type that has a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps

DTYPES = ["float32", "float64", "int32", "int64"]


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", DTYPES)
def test_segments(dtype: str, index_type: Any, rng: np.random.Generator) -> None:
    for rest in ((), (3,), (130,), (2, 70)):
        data = rng.integers(-9, 10, (200, *rest)).astype(dtype)
        ids = rng.integers(-2, 11, 200).astype(index_type)
        ids[ids == 4] = 5  # nobody is in segment 4
        groups = [data[ids == s] for s in range(11)]
        assert not len(groups[4])
        total = np.stack([g.sum(0) for g in groups])
        np.testing.assert_array_equal(ps.segment_sum(data, ids, 11).numpy(), total)
        full = [s for s in range(11) if s != 4]
        for op, name in ((ps.segment_max, "max"), (ps.segment_min, "min")):
            got = op(data, ids, 11).numpy()
            want = np.stack([getattr(groups[s], name)(0) for s in full])
            np.testing.assert_array_equal(got[full], want)
            limits = np.iinfo(dtype) if dtype[0] == "i" else None
            empty = getattr(limits, "min" if name == "max" else "max") if limits else np.inf
            sign = -1 if name == "max" and not limits else 1
            np.testing.assert_array_equal(got[4], np.full(rest, sign * empty))
        if dtype[0] == "f":
            want = np.stack([groups[s].astype("float64").mean(0) for s in full])
            got = ps.segment_mean(data, ids, 11).numpy()
            np.testing.assert_allclose(got[full], want, rtol=1e-6)
            np.testing.assert_array_equal(got[4], np.zeros(rest))


def test_not_a_number_wins_an_extreme() -> None:
    data = np.array([1, np.nan, 3, np.nan, 5], np.float32)
    ids = [0, 0, 1, 1, 2]
    for op in (ps.segment_max, ps.segment_min):
        np.testing.assert_array_equal(op(data, ids, 3).numpy(), [np.nan, np.nan, 5])


def test_a_segment_that_does_not_exist_is_named() -> None:
    x = np.zeros((3, 2), np.float32)
    for op in (ps.segment_sum, ps.segment_mean, ps.segment_max, ps.segment_min):
        with pytest.raises(IndexError, match="segment 7 at position 1 is out of range for 7 segme"):
            op(x, [0, 7, -1], 7)


@pytest.mark.parametrize("dtype", [*DTYPES, "bool"])
def test_positions(dtype: str, rng: np.random.Generator) -> None:
    for shape in ((1,), (300,), (7, 40), (3, 4, 5), (0, 2)):
        x = rng.integers(0, 2, shape).astype(dtype)
        found = np.stack(np.nonzero(x))
        for size in (0, 1, found.shape[1], found.shape[1] + 5):
            want = np.full((len(shape), size), -3)
            n = min(size, found.shape[1])
            want[:, :n] = found[:, :n]
            np.testing.assert_array_equal(ps.ops.nonzero_(x, size, -3).numpy(), want)
