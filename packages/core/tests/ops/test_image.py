"""Images against PyTorch, colorsys and NumPy."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest

import penstock as ps

torch = pytest.importorskip("torch")


def drawn(*shape: int) -> Any:
    return np.random.default_rng(5).uniform(0, 1, shape).astype("float32")


def by_torch(x: Any, size: Any, **how: Any) -> Any:
    planes = torch.tensor(x).permute(0, 3, 1, 2)
    return torch.nn.functional.interpolate(planes, size=size, **how).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("size", [(9, 7), (3, 2), (4, 11), (1, 1), (13, 17)])
def test_resize_is_pytorchs(size: tuple[int, int]) -> None:
    x = drawn(2, 7, 9, 3)
    for how in (
        {"mode": "bilinear"},
        {"mode": "bilinear", "antialias": True},
        {"mode": "bicubic", "antialias": True},
        {"mode": "nearest-exact"},
    ):
        method = {"nearest-exact": "nearest"}.get(how["mode"], how["mode"])  # type: ignore[call-overload]
        got = ps.image.resize(x, size, method, antialias="antialias" in how).numpy()
        np.testing.assert_allclose(got, by_torch(x, size, **how), rtol=2e-6, atol=2e-6)


def test_area_is_a_mean_of_parts_of_pixels() -> None:
    x = drawn(1, 7, 5, 2)
    for height, width in ((3, 2), (10, 4), (7, 9)):
        fine = x.repeat(height, 1).repeat(width, 2).astype("float64")
        expected = fine.reshape(1, height, 7, width, 5, 2).mean((2, 4))
        got = ps.image.resize(x, (height, width), "area").numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_a_line_by_hand() -> None:
    line = np.array([0.0, 1.0, 4.0, 9.0], "float32").reshape(1, 1, 4, 1)
    twice = ps.flatten(ps.image.resize(line, (1, 8))).numpy()
    np.testing.assert_allclose(twice, [0, 0.25, 0.75, 1.75, 3.25, 5.25, 7.75, 9])
    halved = ps.flatten(ps.image.resize(line, (1, 2), "area")).numpy()
    np.testing.assert_allclose(halved, [0.5, 6.5])
    cut = ps.flatten(ps.image.resize(line, (1, 3), "nearest")).numpy()
    np.testing.assert_array_equal(cut, [0, 4, 9])


@pytest.mark.parametrize("method", ["lanczos3", "lanczos5", "gaussian", "mitchell", "bicubic"])
def test_a_flat_image_stays_flat(method: str) -> None:
    x = np.full((1, 9, 8, 2), 3.5, "float32")
    for size in ((4, 3), (20, 17)):
        for antialias in (False, True):
            got = ps.image.resize(x, size, method, antialias=antialias).numpy()
            np.testing.assert_allclose(got, 3.5, rtol=1e-6)


def test_resize_keeps_integers_where_it_only_copies() -> None:
    x = np.arange(12, dtype="uint8").reshape(3, 4, 1)
    got = ps.image.resize(x, (6, 8), "nearest")
    assert got.dtype == "uint8"
    np.testing.assert_array_equal(got.numpy(), x.repeat(2, 0).repeat(2, 1))
    assert ps.image.resize(x, (6, 8)).dtype == "float32"


def test_resize_of_one_image_and_of_proportions() -> None:
    assert ps.image.resize(drawn(10, 20, 3), (8, 8), preserve_aspect_ratio=True).shape == (4, 8, 3)
    assert ps.image.resize_with_pad(drawn(10, 20, 3), 8, 8).shape == (8, 8, 3)
    with pytest.raises(ValueError, match="with a batch axis in front or without; reshape"):
        ps.image.resize(drawn(3, 3), (2, 2))


def test_resize_with_unknown_sizes() -> None:
    double = ps.function(lambda x: ps.image.resize(x, (x.shape[1] * 2, x.shape[2] * 2)))
    for shape in ((1, 3, 4, 2), (1, 5, 2, 2), (1, 2, 7, 2)):
        x = drawn(*shape)
        expected = by_torch(x, (shape[1] * 2, shape[2] * 2), mode="bilinear")
        np.testing.assert_allclose(double(x).numpy(), expected, rtol=1e-6, atol=1e-6)


def test_hue_is_that_of_colorsys() -> None:
    x = drawn(50, 3).astype("float64")
    expected = [colorsys.rgb_to_hsv(*pixel) for pixel in x]
    np.testing.assert_allclose(ps.image.rgb_to_hsv(x).numpy(), expected, atol=1e-12)
    back = [colorsys.hsv_to_rgb(*pixel) for pixel in x]
    np.testing.assert_allclose(ps.image.hsv_to_rgb(x).numpy(), back, atol=1e-12)


def test_yuv_and_back() -> None:
    x = drawn(40, 3)
    back = ps.image.yuv_to_rgb(ps.image.rgb_to_yuv(x)).numpy()
    np.testing.assert_allclose(back, x, atol=1e-5)


def test_adjustments() -> None:
    x = np.array([[[0, 100, 255]]], "uint8")
    np.testing.assert_array_equal(ps.image.adjust_brightness(x, 0.2).numpy(), [[[51, 151, 255]]])
    gray = ps.image.rgb_to_grayscale(x)
    assert gray.dtype == "uint8"
    assert gray.numpy().item() == int((0.587 * 100 / 255 + 0.114) * 255.5)
    turned = ps.image.adjust_hue(drawn(4, 3), 1.0).numpy()
    np.testing.assert_allclose(turned, drawn(4, 3), atol=1e-5)
    flat = ps.image.adjust_contrast(drawn(4, 5, 3), 0.0).numpy()
    np.testing.assert_allclose(flat, np.broadcast_to(drawn(4, 5, 3).mean((0, 1)), (4, 5, 3)), 1e-5)
    colourless = ps.image.adjust_saturation(drawn(4, 3), 0.0).numpy()
    np.testing.assert_allclose(colourless, np.repeat(drawn(4, 3).max(-1)[:, None], 3, 1), 1e-6)
    standard = ps.image.per_image_standardization(drawn(2, 5, 6, 3)).numpy()
    np.testing.assert_allclose(standard.mean((1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(standard.std((1, 2, 3)), 1, rtol=1e-5)
    with pytest.raises(ValueError, match="gamma=-1"):
        ps.image.adjust_gamma(x, -1.0)
    with pytest.raises(TypeError, match="got bool; expected an integer or float dtype"):
        ps.image.convert_image_dtype(np.ones((2, 2), bool), "uint8")


def test_dtypes_of_pixels() -> None:
    x = np.array([0, 1, 128, 255], "uint8")
    convert = ps.image.convert_image_dtype
    np.testing.assert_allclose(convert(x, "float32").numpy(), x / 255, rtol=1e-6)
    np.testing.assert_array_equal(convert(convert(x, "float32"), "uint8").numpy(), x)
    np.testing.assert_array_equal(convert(x, "uint16").numpy(), x.astype("uint16") * 256)
    np.testing.assert_array_equal(convert(convert(x, "uint16"), "uint8").numpy(), x)
    np.testing.assert_array_equal(convert([-1.0, 2.0], "uint8", saturate=True).numpy(), [0, 255])


def test_moves() -> None:
    x = drawn(2, 3, 4, 1)
    for k in range(-2, 5):
        np.testing.assert_array_equal(ps.image.rot90(x, k).numpy(), np.rot90(x, k, (1, 2)))
    np.testing.assert_array_equal(ps.image.flip_left_right(x).numpy(), x[:, :, ::-1])
    np.testing.assert_array_equal(ps.image.flip_up_down(x).numpy(), x[:, ::-1])
    np.testing.assert_array_equal(ps.image.transpose(x).numpy(), x.transpose(0, 2, 1, 3))
    np.testing.assert_array_equal(
        ps.image.central_crop(drawn(8, 8, 3), 0.5), drawn(8, 8, 3)[2:6, 2:6]
    )
    both = ps.image.resize_with_crop_or_pad(x, 5, 2).numpy()
    np.testing.assert_array_equal(both, np.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)))[:, :, 1:3])
    with pytest.raises(ValueError, match="use a larger target, or crop_to_bounding_box"):
        ps.image.pad_to_bounding_box(x, 2, 0, 4, 4)
    with pytest.raises(ValueError, match="use a number above 0, up to 1"):
        ps.image.central_crop(x, 0.0)
    with pytest.raises(ValueError, match=r"expected \[..., height, width, channels\]"):
        ps.image.rot90(x[0, 0])


def test_patches_are_windows() -> None:
    x = drawn(2, 5, 6, 3)
    views = np.lib.stride_tricks.sliding_window_view(x, (2, 3), (1, 2))  # [2, 4, 4, 3, 2, 3]
    expected = views.transpose(0, 1, 2, 4, 5, 3).reshape(2, 4, 4, 18)
    np.testing.assert_array_equal(ps.image.extract_patches(x, (2, 3)).numpy(), expected)


def test_non_max_suppression_by_hand() -> None:
    boxes = np.array(
        [[0, 0, 2, 2], [0, 0.1, 2, 2.1], [3, 3, 5, 5], [3, 3.2, 5, 5], [8, 8, 9, 9]], "float32"
    )
    scores = np.array([0.9, 0.8, 0.7, 0.95, 0.3], "float32")
    assert ps.image.non_max_suppression(boxes, scores, 3).tolist() == [3, 0, 4]
    assert ps.image.non_max_suppression(boxes, scores, 9, 1.0).tolist() == [3, 0, 1, 2, 4]
    assert ps.image.non_max_suppression(boxes, scores, 9, 0.5, 0.5).tolist() == [3, 0]
    chosen = ps.function(lambda b, s: ps.image.non_max_suppression(b, s, 4, padded=True))
    places, count = chosen(boxes, scores)
    assert (places.tolist(), int(count)) == ([3, 0, 4, 0], 3)
    with pytest.raises(ps.errors.GraphError, match="give padded=True"):
        ps.function(lambda b, s: ps.image.non_max_suppression(b, s, 4))(boxes, scores)


def test_soft_suppression_lowers_scores_only() -> None:
    boxes = np.array([[0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 2, 1], [5, 5, 6, 6]], "float32")
    places, scores = ps.image.non_max_suppression_with_scores(
        boxes, [0.9, 0.8, 0.7, 0.1], 4, iou_threshold=0.1, soft_nms_sigma=0.5
    )
    # The third is half of the first; then the second is all of it and twice the third.
    half = 0.7 * np.exp(-0.25)
    assert places.tolist() == [0, 2, 1, 3]
    second = 0.8 * np.exp(-1) * np.exp(-0.25)
    np.testing.assert_allclose(scores.numpy(), [0.9, half, second, 0.1], rtol=1e-5)
    padded = ps.image.non_max_suppression_with_scores(boxes, [0.9, 0.8, 0.7, 0.1], 9, padded=True)
    assert (padded[0].shape, int(padded[2])) == ((9,), 3)


def test_resize_with_pad_is_tensorflows() -> None:
    # tf.image.resize_with_pad(tf.ones([9, 11, 1]), 20, 20): 16 rows, of which the first is row 1.
    rows = ps.image.resize_with_pad(np.ones((9, 11, 1), "float32"), 20, 20).numpy()[:, 3, 0]
    assert np.flatnonzero(rows).tolist() == list(range(1, 17))
    with pytest.raises(ValueError, match="use sizes of 1 or more"):
        ps.image.resize_with_pad(np.ones((9, 11, 1)), 0, 5)


def test_boxes_in_other_layouts() -> None:
    corners = np.array([[2.0, 1.0, 6.0, 9.0]])  # left, top, right, bottom
    layouts = {
        "xyxy": corners,
        "yxyx": [[1, 2, 9, 6]],
        "xywh": [[2, 1, 4, 8]],
        "cxcywh": [[4, 5, 4, 8]],
    }
    for source, given in layouts.items():
        for target, expected in layouts.items():
            got = ps.image.box_convert(np.array(given, "float64"), source, target).numpy()
            np.testing.assert_array_equal(got, expected)
    with pytest.raises(ValueError, match="got the layout 'wh'; use 'yxyx'"):
        ps.image.box_convert(corners, "wh", "xyxy")
    with pytest.raises(ValueError, match=r"expected \[..., 4\]; reshape"):
        ps.image.clip_boxes(corners[:, :3], 4, 4)


def test_crops_of_images_that_are_not_there() -> None:
    with pytest.raises(
        IndexError, match=r"is of image 1, .*use 0 to 0|index 1 .*out of (range|bounds)"
    ):
        ps.image.crop_and_resize(drawn(1, 2, 2, 1), np.zeros((1, 4), "float32"), [1], (2, 2))


def test_whole_crops_align_corners() -> None:
    x = drawn(1, 5, 7, 2)
    whole = np.array([[0, 0, 1, 1]], "float32")
    got = ps.image.crop_and_resize(x, whole, [0], (4, 9)).numpy()
    expected = by_torch(x, (4, 9), mode="bilinear", align_corners=True)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_random_changes() -> None:
    x = drawn(200, 4, 5, 3)
    for flip in (ps.image.random_flip_left_right, ps.image.random_flip_up_down):
        axis = 2 if flip is ps.image.random_flip_left_right else 1
        got = flip(x, seed=3).numpy()
        same = np.array([np.array_equal(a, b) for a, b in zip(got, x, strict=True)])
        assert 60 < same.sum() < 140  # 5.6 standard deviations
        np.testing.assert_array_equal(got[~same], np.flip(x, axis)[~same])
        np.testing.assert_array_equal(flip(x, seed=3).numpy(), got)
    for seed in range(20):
        delta = ps.image.random_brightness(x, 0.3, seed).numpy() - x
        assert np.ptp(delta) < 1e-6
        assert np.abs(delta).max() <= 0.3
    gray = np.full((2, 2, 3), 0.5, "float32")
    np.testing.assert_allclose(ps.image.random_hue(gray, 0.5).numpy(), gray)
    np.testing.assert_allclose(ps.image.random_contrast(gray, 0.5, 2.0).numpy(), gray)
    with pytest.raises(ValueError, match="expected one that rises from 0 or more"):
        ps.image.random_contrast(x, 2.0, 1.0)
    with pytest.raises(ValueError, match=r"use 0 to 0\.5"):
        ps.image.random_hue(x, 0.7)


def test_random_crops_are_parts() -> None:
    x = np.arange(63).reshape(7, 9, 1)
    firsts = set()
    for seed in range(60):
        got = ps.image.random_crop(x, (5, 6, 1), seed).numpy()
        row, column = divmod(int(got[0, 0, 0]), 9)
        np.testing.assert_array_equal(got, x[row : row + 5, column : column + 6])
        firsts.add((row, column))
    assert len(firsts) > 8  # of 12
    with pytest.raises(ValueError, match="a size for each axis, at most that of the axis"):
        ps.image.random_crop(x, (8, 1, 1))


def test_measures() -> None:
    x, y = drawn(3, 24, 20, 2), drawn(3, 25, 20, 2)[:, 1:]
    error = ((x.astype("float64") - y) ** 2).mean((1, 2, 3))
    got = ps.image.psnr(x * 255, y * 255, 255).numpy()
    np.testing.assert_allclose(got, -10 * np.log10(error), rtol=1e-5)
    assert ps.image.psnr(x, x, 1.0).tolist() == [np.inf] * 3
    rough = np.abs(np.diff(x, axis=1)).sum((1, 2, 3)) + np.abs(np.diff(x, axis=2)).sum((1, 2, 3))
    np.testing.assert_allclose(ps.image.total_variation(x).numpy(), rough, rtol=1e-5)
    dy, dx = ps.image.image_gradients(x)
    np.testing.assert_array_equal(dy.numpy()[:, :-1], np.diff(x, axis=1))
    np.testing.assert_array_equal(dx.numpy()[:, :, :-1], np.diff(x, axis=2))
    assert not dy.numpy()[:, -1].any()
    with pytest.raises(ValueError, match="expected equal shapes; resize one"):
        ps.image.psnr(x, y[:, 1:], 1.0)


def test_similarity_window_by_window() -> None:
    x, y = (drawn(30, 26, 2)[i : i + 20, i : i + 18].astype("float64") for i in (0, 4))
    place = np.arange(11) - 5.0
    bell = np.exp(-(place**2) / 4.5)
    bell = np.outer(bell, bell) / bell.sum() ** 2
    found = []
    for row, column, channel in np.ndindex(10, 8, 2):
        a = x[row : row + 11, column : column + 11, channel]
        b = y[row : row + 11, column : column + 11, channel]
        mean_a, mean_b = (bell * a).sum(), (bell * b).sum()
        var_a, var_b = ((bell * (v - m) ** 2).sum() for v, m in ((a, mean_a), (b, mean_b)))
        both = (bell * (a - mean_a) * (b - mean_b)).sum()
        light = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
        found.append(light * (2 * both + 9e-4) / (var_a + var_b + 9e-4))
    np.testing.assert_allclose(ps.image.ssim(x, y, 1.0).numpy(), np.mean(found), rtol=1e-9)
    with pytest.raises(ValueError, match="use filter_size="):
        ps.image.ssim(x[:8], y[:8], 1.0)


def test_edges_are_scipys() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    x = drawn(1, 7, 6, 2)
    got = ps.image.sobel_edges(x).numpy()
    for channel, axis in np.ndindex(2, 2):
        expected = ndimage.sobel(x[0, ..., channel], axis, mode="mirror")
        np.testing.assert_allclose(got[0, ..., channel, axis], expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("saturate", [False, True])
def test_white_is_the_largest_integer(dtype: str, saturate: bool) -> None:
    pixels = ps.asarray([0.0, 1.0, 2.0] if saturate else [0.0, 1.0, 1.0])
    top = np.iinfo(dtype).max
    assert ps.image.convert_image_dtype(pixels, dtype, saturate).tolist() == [0, top, top]
