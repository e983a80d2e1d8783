"""Weights that a plan packs once: filters too large for the cache, products, and weights that change between runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps

# Image, filter, stride, groups: filters of several blocks of panels, lines that end early, few and many lines.
FILTERS = [
    ((1, 7, 7, 256), (3, 3, 256, 96), 1, 1),
    ((2, 9, 5, 200), (3, 3, 200, 70), 2, 1),
    ((1, 13, 13, 320), (5, 5, 160, 130), 1, 2),
    ((3, 5, 5, 1100), (1, 1, 1100, 300), 1, 1),
    ((1, 19, 19, 37), (1, 1, 37, 45), 1, 1),
    ((2, 1, 1, 3000), (1, 1, 3000, 129), 1, 1),
]


def random(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize(("image", "filter", "stride", "groups"), FILTERS)
def test_large_filters(image: Any, filter: Any, stride: int, groups: int, behind: bool) -> None:
    torch = pytest.importorskip("torch")
    x, w, b = random(*image), random(*filter), random(filter[-1])
    variable = ps.Variable(w)

    def layer(x: Any, w: Any) -> Any:
        y = ps.nn.conv2d(x, w, strides=(stride, stride), padding="same", groups=groups)
        return ps.tanh((y + b) * 0.01) if behind else y

    kept = ps.function(lambda x: layer(x, variable.value))
    shape = (*(-(-n // stride) for n in image[1:3]),)
    before = [
        max((out - 1) * stride + k - n, 0)
        for out, k, n in zip(shape, filter[:2], image[1:3], strict=True)
    ]
    wide = np.pad(x, [(0, 0), *((n // 2, n - n // 2) for n in before), (0, 0)])
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(wide.transpose(0, 3, 1, 2).astype(np.float64)),
        torch.from_numpy(w.transpose(3, 2, 0, 1).astype(np.float64)),
        stride=stride,
        groups=groups,
    ).numpy()
    expected = expected.transpose(0, 2, 3, 1)
    if behind:
        expected = np.tanh((expected + b) * 0.01)
    scale = 1e-5 * np.sqrt(np.prod(filter[:3])) * (0.01 if behind else 1)
    for _ in range(2):  # the second run finds what the first has packed
        np.testing.assert_allclose(kept(x), expected, rtol=1e-5, atol=scale)
    np.testing.assert_array_equal(
        kept(x), layer(ps.asarray(x), ps.asarray(w))
    )  # eager: packed anew
    variable.assign(2 * w)
    np.testing.assert_array_equal(kept(x), layer(ps.asarray(x), ps.asarray(2 * w)))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("x", "sizes"),
    [((1, 2048), (2048, 1000)), ((3, 5), (5, 7)), ((200, 900), (900, 65)), ((2, 3, 40), (40, 33))],
)
def test_products_with_kept_weights(x: Any, sizes: tuple[int, int], transposed: bool) -> None:
    left, w = random(*x), random(*sizes)
    variable = ps.Variable(w.T.copy() if transposed else w)
    kept = ps.function(lambda t: ps.matmul(t, variable.value, transpose_y=transposed))
    expected = left.astype(np.float64) @ w.astype(np.float64)
    for _ in range(2):
        np.testing.assert_allclose(kept(left), expected, rtol=1e-5, atol=1e-5 * np.sqrt(sizes[0]))
    variable.assign(variable.value * 0.5)
    np.testing.assert_allclose(kept(left), expected / 2, rtol=1e-5, atol=1e-5 * np.sqrt(sizes[0]))


def test_one_weight_serves_batches_of_any_size() -> None:
    variable = ps.Variable(random(64, 48))
    kept = ps.function(lambda t: ps.matmul(t, variable.value))
    for batch in (1, 2, 17, 200, 1):
        x = random(batch, 64)
        np.testing.assert_allclose(kept(x), x @ variable.numpy(), rtol=1e-4, atol=1e-4)
