"""Kernels of images, boxes and frames against the references in float64, for many sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps

METHODS = ("bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchell")
side = st.integers(1, 40)
relaxed = settings(deadline=None, max_examples=60)


def drawn(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).uniform(0, 1, shape)


def single(x: Any) -> Any:
    return x.astype("float32")


@relaxed
@given(side, side, side, side, st.integers(1, 20), st.sampled_from(METHODS), st.booleans())
def test_resize(
    height: int, width: int, rows: int, columns: int, channels: int, method: str, antialias: bool
) -> None:
    x = drawn(2, height, width, channels)
    how = (rows, columns), method, antialias
    expected = ps.ops.image_resize(x, *how).numpy()  # float64 has no kernel
    got = ps.ops.image_resize(single(x), *how).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-6)
    dy = drawn(2, rows, columns, channels)
    back = (height, width), method, antialias
    slope = ps.ops.image_resize_grad(single(dy), *back).numpy()
    expected = ps.ops.image_resize_grad(dy, *back).numpy()
    np.testing.assert_allclose(slope, expected, rtol=2e-5, atol=1e-5)


@relaxed
@given(side, side, side, side, st.sampled_from(["uint8", "float32", "int32"]))
def test_nearest_copies(height: int, width: int, rows: int, columns: int, dtype: str) -> None:
    x = (drawn(2, height, width, 3) * 255).astype(dtype)
    at = [(2 * np.arange(n) + 1) * m // (2 * n) for n, m in ((rows, height), (columns, width))]
    got = ps.ops.image_resize(x, (rows, columns), "nearest").numpy()
    np.testing.assert_array_equal(got, x[:, at[0][:, None], at[1]])


@pytest.mark.parametrize("name", ["rgb_to_hsv", "hsv_to_rgb", "rgb_to_yuv", "yuv_to_rgb"])
def test_colours(name: str) -> None:
    x = drawn(83, 71, 3)
    x[0, :4] = [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.25], [0.25, 0.5, 0.5]]
    change = getattr(ps.image, name)
    got = change(single(x)).numpy()
    expected = change(single(x).astype("float64")).numpy()
    np.testing.assert_allclose(got, expected, atol=2e-6)


def test_gray() -> None:
    x = drawn(83, 71, 3)
    got = ps.image.rgb_to_grayscale(single(x)).numpy()
    np.testing.assert_allclose(got[..., 0], x @ [0.2989, 0.587, 0.114], rtol=1e-6)


@relaxed
@given(st.integers(0, 60), st.integers(0, 70), st.floats(0, 1), st.sampled_from([0.0, 0.25]))
def test_chosen_boxes(count: int, most: int, overlap: float, sigma: float) -> None:
    rng = np.random.default_rng(count)
    corner = rng.uniform(0, 8, (count, 2))
    boxes = single(np.concatenate([corner, corner + rng.uniform(0.5, 4, (count, 2))], 1))
    scores = single((rng.permutation(count) + 0.5) / max(count, 1))
    how = most, overlap, 0.099, sigma
    places, found, chosen = ps.ops.non_max_suppression_(boxes, scores, *how)
    wide = boxes.astype("float64"), scores.astype("float64")
    places64, found64, chosen64 = ps.ops.non_max_suppression_(*wide, *how)
    assert int(chosen) == int(chosen64)
    assert places.tolist() == places64.tolist()
    np.testing.assert_allclose(found.numpy(), found64.numpy(), rtol=1e-5)


@relaxed
@given(side, side, st.integers(1, 9), st.integers(1, 9))
def test_crops(height: int, width: int, rows: int, columns: int) -> None:
    x = drawn(3, height, width, 5)
    boxes = np.array([[0.1, 0.2, 0.83, 0.94], [0.77, 0.61, 0.13, 0.3], [-0.4, 0.1, 1.3, 0.9]])
    how = np.array([2, 0, 1]), (rows, columns), "bilinear", 0.5
    got = ps.image.crop_and_resize(single(x), single(boxes), *how).numpy()
    expected = ps.image.crop_and_resize(x, single(boxes).astype("float64"), *how).numpy()
    np.testing.assert_allclose(got, expected, atol=2e-5)


def test_nearest_crops_of_the_whole_are_the_image() -> None:
    x = single(drawn(2, 17, 9, 5))
    whole = np.array([[0, 0, 1, 1], [1, 1, 0, 0]], "float32")
    got = ps.image.crop_and_resize(x, whole, [1, 0], (17, 9), "nearest").numpy()
    np.testing.assert_array_equal(got, [x[1], x[0, ::-1, ::-1]])


@relaxed
@given(st.integers(0, 300), st.integers(0, 40), st.integers(1, 50), st.integers(1, 60))
def test_frames_and_their_transpose(size: int, frames: int, length: int, step: int) -> None:
    x, y = drawn(2, size), drawn(2, frames, length)
    for cast in (single, np.asarray):
        framed = ps.ops.frame_(cast(x), frames, length, step).numpy()
        at = np.arange(frames)[:, None] * step + np.arange(length)
        room = np.zeros((2, size + frames * step + length))
        room[:, :size] = x
        np.testing.assert_array_equal(framed, cast(room)[:, at])
        added = ps.ops.overlap_and_add_(cast(y), size, step).numpy()
        expected = np.zeros_like(room)
        for i in range(frames):
            expected[:, i * step : i * step + length] += y[:, i]
        np.testing.assert_allclose(added, expected[:, :size], rtol=1e-5)


@pytest.mark.parametrize("method", ["lanczos3", "lanczos5", "bicubic", "bilinear", "mitchell"])
def test_gradients_of_resizing_where_filters_are_zero(method: str) -> None:
    for size, out in ((2, 1), (6, 3), (12, 4), (9, 3), (3, 9), (4, 40)):
        dy = drawn(1, out, out, 1)
        expected = ps.ops.image_resize_grad(dy, (size, size), method, True).numpy()
        slope = ps.ops.image_resize_grad(single(dy), (size, size), method, True).numpy()
        np.testing.assert_allclose(slope, expected, rtol=2e-5, atol=1e-5)
