"""Reductions against NumPy in float64, over every choice of axes."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import penstock as ps

AXES = [None, *(axes for n in (1, 2, 3, 4) for axes in combinations(range(4), n))]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
def test_every_choice_of_axes(axis: Any, keepdims: bool, draw: Any) -> None:
    x = draw(3, 5, 4, 19)
    wide = x.astype(np.float64)
    for name in ("sum", "mean", "prod", "max", "min"):
        got = getattr(ps, name)(x, axis=axis, keepdims=keepdims).numpy()
        want = getattr(np, name)(wide, axis=axis, keepdims=keepdims)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5, err_msg=name)
    for name in ("any", "all"):
        got = getattr(ps, name)(x > -1, axis=axis, keepdims=keepdims).numpy()
        np.testing.assert_array_equal(got, getattr(np, name)(x > -1, axis=axis, keepdims=keepdims))


# Long and wide shapes: chunks of chunks, and columns that do not fit in one.
SHAPES = [(1, 1), (3, 20000), (40, 40001), (700, 16385), (100003, 3), (70000, 17), (5, 300001)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("axis", [0, 1, None])
def test_large_shapes(shape: tuple[int, int], axis: Any, draw: Any) -> None:
    x = draw(*shape)
    got = ps.sum(x, axis=axis).numpy()
    size = np.abs(x).sum(axis, dtype=np.float64)
    assert np.all(np.abs(got - x.sum(axis, dtype=np.float64)) <= 1e-6 * size)
    np.testing.assert_array_equal(ps.max(x, axis=axis).numpy(), x.max(axis))
    whole = (x * 100).astype(np.int64)
    np.testing.assert_array_equal(ps.sum(whole, axis=axis).numpy(), whole.sum(axis))


def test_a_sum_over_the_middle_of_wide_rows(draw: Any) -> None:
    x = draw(2, 50, 17000)
    np.testing.assert_allclose(ps.sum(x, axis=1).numpy(), x.sum(1, dtype=np.float64), atol=1e-4)
    np.testing.assert_array_equal(ps.min(x, axis=1).numpy(), x.min(1))


def test_a_sum_of_ten_million_equal_numbers_is_accurate() -> None:
    x = np.full(10_000_000, 0.1, np.float32)
    np.testing.assert_allclose(ps.sum(x).numpy(), x.sum(dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(ps.mean(x).numpy(), np.float64(x[0]), rtol=1e-6)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2)])
def test_integers_are_exact_and_wrap(axis: Any, rng: np.random.Generator) -> None:
    for dtype in (np.int32, np.int64):
        x = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (37, 5, 11), dtype)
        for name in ("sum", "prod", "max", "min"):
            want = getattr(np, name)(x, axis=axis)  # sums and products of int32 are int64
            got = getattr(ps, name)(x, axis=axis).numpy()
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want, err_msg=name)


@pytest.mark.parametrize("at", [0, 1, 15, 16, 63, 64, 200])
def test_one_nan_is_found_wherever_it_is(at: int, draw: Any) -> None:
    x = draw(201)
    x[at] = np.nan
    for t in (x, np.stack([x, x], axis=1)):
        assert np.isnan(ps.max(t, axis=0).numpy()).all()
        assert np.isnan(ps.min(t, axis=0).numpy()).all()
        assert np.all(ps.argmax(t, axis=0).numpy() == at)
        assert np.all(ps.argmin(t, axis=0).numpy() == at)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_arguments_of_extremes_are_the_first(
    axis: Any, dtype: Any, rng: np.random.Generator
) -> None:
    x = rng.integers(-2, 3, (6, 7, 35)).astype(dtype)
    np.testing.assert_array_equal(ps.argmax(x, axis=axis).numpy(), np.argmax(x, axis=axis))
    np.testing.assert_array_equal(ps.argmin(x, axis=axis).numpy(), np.argmin(x, axis=axis))
    assert ps.argmax(x, axis=axis).dtype == "int64"


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize(
    "shape", [(1, 9000, 1), (3, 4097, 2), (5, 300, 257), (40, 1, 700)], ids=str
)
def test_arguments_of_extremes_of_any_shape(shape: Any, dtype: Any, draw: Any) -> None:
    x = (draw(*shape) * 1000).astype(dtype)
    if dtype is np.float32:
        x[:, shape[1] // 2 :, -1] = np.where(draw(1) > 0, np.nan, np.inf)
        x[-1] = np.nan
    for axis in (None, 0, 1, 2):
        np.testing.assert_array_equal(ps.argmax(x, axis=axis).numpy(), np.argmax(x, axis=axis))
        np.testing.assert_array_equal(ps.argmin(x, axis=axis).numpy(), np.argmin(x, axis=axis))


@pytest.mark.parametrize("shape", [(1000, 1), (3, 130, 7), (2, 5, 600), (200, 3, 300)], ids=str)
@pytest.mark.parametrize("dtype", [np.bool_, np.int32, np.int64])
def test_integers_and_masks_of_any_shape(shape: Any, dtype: Any, rng: Any) -> None:
    x = rng.integers(0, 2, shape) if dtype is np.bool_ else rng.integers(-99, 99, shape)
    x = x.astype(dtype)
    x[-1] = 1
    for axis in (None, *range(len(shape))):
        for name in ("any", "all") if dtype is np.bool_ else ("max", "min"):
            got = getattr(ps, name)(x, axis=axis).numpy()
            np.testing.assert_array_equal(got, getattr(np, name)(x, axis=axis))


def test_infinities_are_ordinary_extremes() -> None:
    x = np.full((5, 20), -np.inf, np.float32)
    assert ps.max(x).item() == -np.inf
    assert ps.argmax(x).item() == 0
    assert ps.min(-x).item() == np.inf


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0), (2, 0, 3)], ids=str)
def test_empty_sums_are_zero_and_empty_products_one(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.float32)
    for axis in (None, 0, len(shape) - 1):
        np.testing.assert_array_equal(ps.sum(x, axis=axis).numpy(), x.sum(axis))
        np.testing.assert_array_equal(ps.prod(x, axis=axis).numpy(), x.prod(axis))
        np.testing.assert_array_equal(ps.all(x > 0, axis=axis).numpy(), (x > 0).all(axis))
        np.testing.assert_array_equal(ps.any(x > 0, axis=axis).numpy(), (x > 0).any(axis))
    assert np.isnan(ps.mean(x).item())


@pytest.mark.parametrize("shape", [(0, 5, 40), (0, 1, 17), (3, 0, 40), (2, 3, 0)], ids=str)
def test_nothing_is_written_beside_an_empty_result(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.float32)
    for name in ("sum", "mean", "prod"):
        for axis in (0, 1, 2, (0, 1), (0, 2), (1, 2)):
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                want = getattr(np, name)(x, axis=axis)
            np.testing.assert_array_equal(getattr(ps, name)(x, axis=axis).numpy(), want)


def test_an_empty_axis_has_no_maximum() -> None:
    for function in (ps.max, ps.min, ps.argmax, ps.argmin):
        with pytest.raises(ValueError, match="axis 0 has no elements to choose from"):
            function(np.zeros((0, 3), np.float32), axis=0)
