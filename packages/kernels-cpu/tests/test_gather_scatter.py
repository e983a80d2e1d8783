"""Gathers and scatters against NumPy, at every axis, for every index type, and the same for any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]
INDICES = [np.int32, np.int64]
NUMBERS = [np.float32, np.float64, np.int32, np.int64]
COMBINE = {"add": np.add, "max": np.maximum, "min": np.minimum}


def whole(rng: np.random.Generator, shape: Any, dtype: Any) -> Array:
    """Whole numbers, which add up without rounding."""
    return rng.integers(-9, 10, shape).astype(dtype)


@pytest.mark.parametrize("index_type", INDICES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_take_along_axis(axis: int, index_type: Any, rng: np.random.Generator) -> None:
    for dtype in (np.bool_, np.int16, np.float32, np.float64):
        x = whole(rng, (5, 70, 66), dtype)
        shape = [*x.shape[:axis], 31, *x.shape[axis + 1 :]]
        index = rng.integers(-x.shape[axis], x.shape[axis], shape).astype(index_type)
        got = ps.take_along_axis(x, index, axis).numpy()
        np.testing.assert_array_equal(got, np.take_along_axis(x, index, axis))


@pytest.mark.parametrize("mode", ["set", "add", "max", "min"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_put_along_axis(axis: int, mode: str, rng: np.random.Generator) -> None:
    for dtype in NUMBERS:
        want = whole(rng, (5, 30, 17), dtype)
        x = want.copy()
        shape = [*x.shape[:axis], 40, *x.shape[axis + 1 :]]
        index = rng.integers(-x.shape[axis], x.shape[axis], shape)
        values = whole(rng, shape, dtype)
        for place in np.ndindex(*shape):
            at = (*place[:axis], index[place], *place[axis + 1 :])
            new = values[place]
            want[at] = new if mode == "set" else COMBINE[mode](want[at], new)
        np.testing.assert_array_equal(
            ps.put_along_axis(x, index, values, axis, mode=mode).numpy(), want
        )


@pytest.mark.parametrize("index_type", INDICES)
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_coordinates(depth: int, index_type: Any, rng: np.random.Generator) -> None:
    for dtype in NUMBERS:
        x = whole(rng, (4, 6, 9), dtype)
        columns = [rng.integers(-n, n, (8, 5)) for n in x.shape[:depth]]
        index = np.stack(columns, -1) if columns else np.zeros((8, 5, 0))
        index = index.astype(index_type)
        updates = whole(rng, (8, 5, *x.shape[depth:]), dtype)
        want = {name: x.copy() for name in ("update", "add", "max", "min")}
        for place in np.ndindex(8, 5):
            at = tuple(index[place])
            want["update"][at] = updates[place]
            for name, combine in COMBINE.items():
                want[name][at] = combine(want[name][at], updates[place])
        for name, expected in want.items():
            got = getattr(ps, f"scatter_nd_{name}")(x, index, updates).numpy()
            np.testing.assert_array_equal(got, expected)
        expected = np.stack([x[tuple(index[place])] for place in np.ndindex(8, 5)])
        np.testing.assert_array_equal(
            ps.gather_nd(x, index).numpy(), expected.reshape(updates.shape)
        )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_stay_or_combine(axis: int, rng: np.random.Generator) -> None:
    for dtype in NUMBERS:
        x = whole(rng, (5, 70, 66), dtype)
        index = rng.integers(-x.shape[axis], x.shape[axis], 90)
        updates = whole(rng, [*x.shape[:axis], 90, *x.shape[axis + 1 :]], dtype)
        want = {name: x.copy() for name in ("scatter", "scatter_max", "scatter_min")}
        for k, i in enumerate(index):
            at = (*[slice(None)] * axis, i)
            new = updates[(*[slice(None)] * axis, k)]
            want["scatter"][at] = new
            want["scatter_max"][at] = np.maximum(want["scatter_max"][at], new)
            want["scatter_min"][at] = np.minimum(want["scatter_min"][at], new)
        for name, expected in want.items():
            got = getattr(ps, name)(x, index, updates, axis).numpy()
            np.testing.assert_array_equal(got, expected)


def test_integers_wrap_around() -> None:
    for dtype in (np.int32, np.int64):
        high = np.iinfo(dtype).max
        got = ps.scatter_add(np.array([high], dtype), [0], np.array([2], dtype)).numpy()
        np.testing.assert_array_equal(got, np.array([np.iinfo(dtype).min + 1], dtype))


@pytest.mark.parametrize("index", [5, -6, 2**40])
def test_a_wrong_index_is_named(index: int) -> None:
    x = np.zeros((2, 5), np.float32)
    match = rf"index {index} at position 1 is out of range for an axis of size 5"
    for call in (
        lambda: ps.take_along_axis(x, np.array([[0, index]]), 1),
        lambda: ps.put_along_axis(x, np.array([[0, index]]), 1.0, 1),
        lambda: ps.scatter(x, np.array([0, index]), np.zeros((2, 2), np.float32), 1),
    ):
        with pytest.raises(IndexError, match=match):
            call()
    match = rf"index {index} at position 1 is out of range for axis 1 of size 5"
    places = np.array([[0, 0], [1, index]])
    for call in (
        lambda: ps.gather_nd(x, places),
        lambda: ps.scatter_nd_update(x, places, np.zeros(2, np.float32)),
        lambda: ps.scatter_nd_add(x, places, np.zeros(2, np.float32)),
    ):
        with pytest.raises(IndexError, match=match):
            call()


def test_a_refused_write_leaves_its_input_alone() -> None:
    x = ps.asarray(np.zeros(4, np.float32))
    with pytest.raises(IndexError):
        ps.scatter(x, [0, 9], np.ones(2, np.float32))
    np.testing.assert_array_equal(x.numpy(), np.zeros(4))


def test_the_last_of_many_updates_stays_for_any_number_of_threads(
    python: Callable[..., str],
) -> None:
    code = """
        import hashlib
        import numpy as np
        import penstock as ps
        rng = np.random.default_rng(0)
        x = rng.standard_normal((3, 200, 500), "f4")
        i = rng.integers(0, 200, 3000)
        u = rng.standard_normal((3, 3000, 500), "f4")
        parts = [ps.scatter(x, i, u, 1), ps.scatter_add(x, i, u, 1), ps.cumsum(u), ps.cumsum(u, 1)]
        print(hashlib.sha256(b"".join(p.numpy().tobytes() for p in parts)).hexdigest())
    """
    assert len({python(code, PENSTOCK_NUM_THREADS=str(n)) for n in (1, 2, 5)}) == 1
