"""Where a condition holds, each value once, and how often: against NumPy, and in graphs with given sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import penstock as ps

quick = settings(max_examples=60, deadline=None)
small = st.integers(-2, 2)
shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


@given(x=hnp.arrays("int64", shapes, elements=small))
@quick
def test_nonzero(x: Any) -> None:
    expected = np.nonzero(x)
    for got, want in zip(ps.nonzero(x), expected, strict=True):
        np.testing.assert_array_equal(got.numpy(), want)
    np.testing.assert_array_equal(ps.argwhere(x).numpy(), np.argwhere(x))
    np.testing.assert_array_equal(ps.boolean_mask(x, x > 0).numpy(), x[x > 0])


@given(x=hnp.arrays("int64", shapes, elements=small), size=st.integers(0, 70))
@quick
def test_nonzero_of_a_given_size_in_a_graph(x: Any, size: int) -> None:
    found = np.argwhere(x)[:size]
    expected = np.full((size, x.ndim), -1)
    expected[: len(found)] = found
    f = ps.function(lambda x: ps.argwhere(x, size=size, fill_value=-1))
    np.testing.assert_array_equal(f(ps.asarray(x)).numpy(), expected)


@given(x=hnp.arrays("int64", shapes, elements=small), size=st.integers(0, 7))
@quick
def test_unique(x: Any, size: int) -> None:
    flags = {"return_index": True, "return_inverse": True, "return_counts": True}
    expected = np.unique(x, **flags)
    for got, want in zip(ps.unique(x, **flags), expected, strict=True):
        np.testing.assert_array_equal(got.numpy().ravel(), want.ravel())
    np.testing.assert_array_equal(ps.unique(x).numpy(), expected[0])
    f = ps.function(lambda x: ps.unique(x, return_counts=True, size=size))
    values, counts = f(ps.asarray(x))
    n = min(size, len(expected[0]))
    np.testing.assert_array_equal(values.numpy()[:n], expected[0][:n])
    np.testing.assert_array_equal(counts.numpy()[:n], expected[3][:n])
    assert not counts.numpy()[n:].any()
    assert values.shape == (size,)


@given(x=hnp.arrays("int64", shapes, elements=st.integers(0, 6)), least=st.integers(0, 9))
@quick
def test_counts(x: Any, least: int) -> None:
    np.testing.assert_array_equal(
        ps.bincount(x, minlength=least).numpy(), np.bincount(x.ravel(), minlength=least)
    )
    weights = np.arange(x.size, dtype="float64").reshape(x.shape)
    expected = np.bincount(x.ravel(), weights.ravel(), 7)
    f = ps.function(lambda x, w: ps.bincount(x, w, length=7))
    np.testing.assert_array_equal(f(ps.asarray(x), ps.asarray(weights)).numpy(), expected)


def test_a_mask_of_a_given_size_in_a_graph() -> None:
    f = ps.function(lambda x, m: ps.boolean_mask(x, m, size=3))
    x = np.arange(8.0).reshape(4, 2)
    got = f(ps.asarray(x), ps.asarray([False, True, False, True])).numpy()
    np.testing.assert_array_equal(got, x[[1, 3, 0]])


@pytest.mark.parametrize("name", ["nonzero", "argwhere", "unique", "bincount"])
def test_a_graph_must_be_told_the_size(name: str) -> None:
    match = rf"\[{name}\] .*while a graph is built; give (size|length)="
    with pytest.raises(RuntimeError, match=match):
        ps.function(getattr(ps, name))(ps.asarray([1, 2, 3]))
    with pytest.raises(RuntimeError, match=r"\[boolean_mask\] .*give size="):
        ps.function(lambda x: ps.boolean_mask(x, x > 1))(ps.asarray([1, 2, 3]))


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[bincount\] got the number -1.*subtract the smallest"):
        ps.bincount([0, -1])
    with pytest.raises(IndexError, match=r"segment 3 at position 1|\b3\b"):
        ps.bincount([0, 3], length=3)
    with pytest.raises(IndexError, match=r"mask of shape \(2,\).*\(3,\).*reshape the mask"):
        ps.boolean_mask([1, 2, 3], [True, False])
    with pytest.raises(ValueError, match='use "xy" or "ij"'):
        ps.meshgrid([1], [2], indexing="yx")
    with pytest.raises(ValueError, match=r"shape \(1, 1\).*flatten it"):
        ps.meshgrid([[1]])
    with pytest.raises(ValueError, match=r"\[diag\] got shape \(\).*use penstock\.diagonal"):
        ps.diag(1.0)


@pytest.mark.parametrize("indexing", ["xy", "ij"])
def test_grids(indexing: Any) -> None:
    axes = [np.arange(3), np.arange(2.0), np.array(7), np.arange(4)]
    for n in range(5):
        expected = np.meshgrid(*axes[:n], indexing=indexing)
        for got, want in zip(ps.meshgrid(*axes[:n], indexing=indexing), expected, strict=True):
            np.testing.assert_array_equal(got.numpy(), want)


def test_diagonal_matrices() -> None:
    x = np.arange(12.0).reshape(3, 4)
    for k in (-2, 0, 1):
        np.testing.assert_array_equal(ps.diag(x, k).numpy(), np.diag(x, k))
        np.testing.assert_array_equal(ps.diag(x[0], k).numpy(), np.diag(x[0], k))
        assert ps.trace(x, k).item() == np.trace(x, k)
