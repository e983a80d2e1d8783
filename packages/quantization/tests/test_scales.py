"""Scales and observers, against what NumPy says of all numbers at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_quantization.observers import LeastError, MinMax, Percentile, make_observer
from penstock_quantization.scales import quantize_weights, scale_of_range, scales_of_weights
from penstock_quantization.small_weights import group_count, pack_nibbles, quantize_groups

numbers = st.floats(-1e6, 1e6, width=32)


@given(low=numbers, high=numbers)
def test_every_number_of_a_range_is_within_half_a_step(low: float, high: float) -> None:
    low, high = min(low, high, 0.0), max(low, high, 0.0)
    scale = scale_of_range(low, high)
    x = np.linspace(low, high, 57).astype("float32")
    error = np.abs(scale.dequantize(scale.quantize(x)) - x).max()
    assert error <= float(scale.scale) * 1.01  # the zero point moves the range by up to half a step
    assert scale.dequantize(np.array([scale.zero])) == 0


def test_integers_are_those_of_the_op() -> None:
    x = np.random.default_rng(3).standard_normal(1000).astype("float32")
    scale = scale_of_range(-2.0, 2.5)
    want = ps.quantize(x, scale.scale, scale.zero).numpy()
    np.testing.assert_array_equal(scale.quantize(x), want)


def test_each_channel_of_weights_reaches_the_largest_integer() -> None:
    weights = np.random.default_rng(3).standard_normal((3, 3, 4, 7)).astype("float32")
    for bits, top in ((8, 127), (4, 7)):
        scales = scales_of_weights(weights, 7, bits, True)
        integers = quantize_weights(weights, scales, 7, bits)
        assert (np.abs(integers).reshape(-1, 7).max(axis=0) == top).all()
        assert np.abs(integers * scales - weights).max() <= scales.max() / 2 * 1.001


def test_min_max_leaves_out_what_is_not_finite() -> None:
    observer = MinMax()
    observer.update(np.array([1.0, np.nan, -3.0, np.inf], "float32"))
    assert observer.range() == (-3.0, 1.0)


def test_a_percentile_is_that_of_all_numbers() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal(20_000) * size for size in (0.5, 1.0, 3.0)]
    observer = Percentile(99.0)
    for part in parts:
        observer.update(part.astype("float32"))
    low, high = np.percentile(np.concatenate(parts), [1.0, 99.0])
    assert observer.range() == pytest.approx((low, high), rel=0.02)


def test_least_error_is_the_least_of_all_ranges_that_it_tries() -> None:
    x = np.random.default_rng(0).standard_normal(50_000).astype("float32")
    x[0] = 30.0
    observer = LeastError()
    observer.update(x)

    def error(low: float, high: float) -> float:
        scale = scale_of_range(low, high)
        return float(np.square(scale.dequantize(scale.quantize(x)) - x).mean())

    low, high = observer.range()
    assert high < 29  # the outlier is worth less than the others
    assert error(low, high) < error(float(x.min()), float(x.max()))


def test_an_unknown_calibration_is_named() -> None:
    with pytest.raises(InvalidValueError, match="'min_max', 'percentile' and 'mse'"):
        make_observer("entropy", 99.0)
    with pytest.raises(InvalidValueError, match=r"such as 99\.99"):
        make_observer("percentile", 3.0)


@given(st.integers(1, 300), st.integers(1, 40).map(lambda n: 2 * n))
def test_groups_are_equal_and_even(depth: int, size: int) -> None:
    groups = group_count(depth, size)
    assert depth % groups == 0
    assert groups == 1 or depth // groups % 2 == 0


def test_nibbles_come_back() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 64)).astype("float32")
    weights = rng.standard_normal((64, 12)).astype("float32")
    integers, scales = quantize_groups(weights, 4, 4)
    got = ps.weight_only_matmul(x, pack_nibbles(integers), scales, bits=4)
    want = x @ (np.repeat(scales, 16, axis=0) * integers)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    assert np.abs(np.repeat(scales, 16, axis=0) * integers - weights).max() < 0.3
