"""`keras.ops.image` where Keras's backends disagree, against plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penstock import keras

image = keras.ops.image
RNG = np.random.default_rng(7)
X = RNG.uniform(0, 1, (2, 6, 5, 3)).astype(np.float32)


def array(x: Any) -> Any:
    return np.asarray(keras.ops.convert_to_numpy(x))


def bell(size: int, sigma: float) -> Any:
    weights = np.exp(-(((np.arange(size) - (size - 1) / 2) / sigma) ** 2) / 2)
    return weights / weights.sum()


def test_gaussian_blur_averages_by_a_bell_in_both_directions() -> None:
    window = np.outer(bell(5, 0.7), bell(3, 1.5))
    padded = np.pad(X, ((0, 0), (2, 2), (1, 1), (0, 0)))
    want = np.zeros_like(X)
    for i in range(5):
        for j in range(3):
            want += window[i, j] * padded[:, i : i + 6, j : j + 5]
    np.testing.assert_allclose(array(image.gaussian_blur(X, (5, 3), (0.7, 1.5))), want, atol=1e-6)


def test_affine_transform_divides_by_what_the_last_two_numbers_say() -> None:
    transform = np.array([1.0, 0.0, 0.5, 0.0, 1.0, 0.25, 0.1, 0.05], np.float32)
    got = array(image.affine_transform(X[:1], transform, "nearest", fill_value=-1.0))[0]
    for row in range(6):
        for column in range(5):
            k = 0.1 * column + 0.05 * row + 1
            x, y = int((column + 0.5) / k + 0.5), int((row + 0.25) / k + 0.5)
            want = X[0, y, x] if y < 6 and x < 5 else -1.0
            np.testing.assert_allclose(got[row, column], want, atol=1e-6)


def test_sobel_edges_follow_the_gradient() -> None:
    ramp = np.broadcast_to(np.arange(6.0, dtype=np.float32)[None, :, None, None], (1, 6, 5, 1))
    edges = array(image.sobel_edges(ramp))
    np.testing.assert_allclose(
        edges[0, 1:-1, 1:-1, 0, 0], 8.0
    )  # 1 a row, by a kernel that adds up to 8
    np.testing.assert_allclose(edges[0, 1:-1, 1:-1, 0, 1], 0.0, atol=1e-6)


def test_elastic_transform_moves_by_alpha_and_repeats_with_its_seed() -> None:
    still = array(image.elastic_transform(X, alpha=0.0, sigma=1.0, seed=1))
    np.testing.assert_allclose(still, X, atol=1e-6)
    first, again = (
        array(image.elastic_transform(X, alpha=5.0, sigma=1.0, seed=2)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - X).max() > 0.05


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: image.resize(X, (3, 4), interpolation="area"), "use one of bilinear"),
        (lambda: image.affine_transform(X, np.zeros(8), fill_mode="edge"), "use one of constant"),
        (lambda: image.crop_images(X, top_cropping=1), "exactly two of the three"),
        (
            lambda: image.crop_images(X, 1, 1, target_height=9, target_width=2),
            "numbers of at least 0",
        ),
        (lambda: image.map_coordinates(X, np.zeros((2, 1)), 1), "4 rows of coordinates"),
        (lambda: image.resize(X[0, 0], (3, 4)), "give 3 axes, or 4"),
    ],
)
def test_errors_say_what_to_use(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call()
