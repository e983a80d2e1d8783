"""The comparisons: what is equal, what is near, and what a failure says."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as ps
from penstock_testkit.compare import is_near, near, same_bits

NAN = float("nan")


def test_equal_bits_are_equal_values_with_nan_among_them() -> None:
    x = np.array([1.0, NAN, -0.0], "float32")
    same_bits([ps.asarray(x)], [x], "x")
    other_nan = np.array([1.0, -NAN, -0.0], "float32")
    same_bits([x], [other_nan], "x")
    same_bits([ps.asarray(["a", "b"])], [ps.asarray(["a", "b"])], "text")
    same_bits([np.float32(NAN)], [np.float32(NAN)], "0-d")


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        ([1.0, 2.0], [1.0, 2.5], r"x: result 0 at \(1,\) is .*2.0.*, expected .*2.5.*; 1 of 2"),
        ([0.0, 1.0], [-0.0, 1.0], r"at \(0,\) is .*0.0.*, expected .*-0.0"),
        ([1.0], [[1.0]], r"float32\(1,\), expected float32\(1, 1\)"),
        ([NAN], [1.0], r"expected .*1.0"),
    ],
)
def test_other_bits_are_named(actual: object, expected: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        same_bits([np.array(actual, "float32")], [np.array(expected, "float32")], "x")


def test_other_dtypes_and_counts_are_named() -> None:
    with pytest.raises(AssertionError, match=r"float32\(1,\), expected float64\(1,\)"):
        same_bits([np.ones(1, "float32")], [np.ones(1)], "x")
    with pytest.raises(AssertionError, match="x: 1 results, expected 2"):
        same_bits([np.ones(1)], [np.ones(1), np.ones(1)], "x")


def test_near_grows_with_the_largest_value_and_keeps_infinities_apart() -> None:
    assert is_near(np.array([1e6, 0.05]), np.array([1e6, 0.0]), (0.0, 1e-7))
    assert not is_near(np.array([1.0, 0.05]), np.array([1.0, 0.0]), (0.0, 1e-7))
    assert is_near(np.array([np.inf, 1.0]), np.array([np.inf, 1.0]), (0.0, 0.0))
    assert not is_near(np.array([np.inf]), np.array([1e30]), (1.0, 1.0))
    assert not is_near(np.array([np.inf]), np.array([-np.inf]), (1.0, 1.0))
    assert not is_near(np.array([NAN]), np.array([0.0]), (1.0, 1.0))
    assert not is_near(np.array([1, 2]), np.array([1, 3]), None)


def test_signs_of_zeros_count_where_asked() -> None:
    near(np.array([0.0]), np.array([-0.0]), (0.0, 0.0), "x")
    with pytest.raises(AssertionError, match=r"x: result 0 at \(0,\)"):
        near(np.array([0.0]), np.array([-0.0]), (0.0, 0.0), "x", signs=True)


def test_a_failure_names_its_tolerance() -> None:
    with pytest.raises(AssertionError, match=r"within 0\.1 relative, 0\.01 absolute"):
        near(np.array([2.0]), np.array([1.0]), (0.1, 0.01), "x")
