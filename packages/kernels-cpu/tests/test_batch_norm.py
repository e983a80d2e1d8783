"""Batch normalisation, bare and with a relu in the same kernel: float64 over random sizes, and hard numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]


def normalised(x: Array, scale: Array, offset: Array, epsilon: float) -> tuple[Array, ...]:
    x = x.astype(np.float64)
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    return (x - mean) * (scale / np.sqrt(variance + epsilon)) + offset, mean, variance


def close(got: Any, want: Array, loose: float = 1e-5) -> None:
    size = np.abs(want).max(initial=1e-30)
    np.testing.assert_allclose(got.numpy(), want, rtol=loose, atol=loose * size)


@pytest.mark.parametrize("seed", range(30))
def test_random_sizes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(0, 4))
    shape = (*rng.integers(1, 40, rank), int(rng.integers(1, 300)))
    x = (rng.standard_normal(shape) * 3 + 1).astype(np.float32)
    dz = rng.standard_normal(shape).astype(np.float32)
    scale, offset = rng.standard_normal((2, shape[-1])).astype(np.float32)
    y, mean, variance = normalised(x, scale, offset, 1e-2)
    for got, want in zip(
        ps.nn.batch_norm(x, scale, offset, 1e-2), (y, mean, variance), strict=True
    ):
        close(got, want, 2e-5)
    for ceiling in (None, 0.7):
        bent = ps.ops.batch_norm_relu(x, scale, offset, 1e-2, ceiling)
        for got, want in zip(bent, (np.clip(y, 0, ceiling), mean, variance), strict=True):
            close(got, want, 2e-5)
        # Where an element is cut is the kernel's own decision: rounding may move one across.
        z = bent[0].numpy()
        dy = np.where((z > 0) & (z < (np.inf if ceiling is None else ceiling)), dz, 0).astype(
            np.float64
        )
        root = np.sqrt(variance + 1e-2)
        xhat = (x - mean) / root
        axes = tuple(range(x.ndim - 1))
        want_x = scale / root * (dy - dy.mean(axes) - xhat * (dy * xhat).mean(axes))
        got = ps.ops.batch_norm_relu_grad(x, scale, bent[1], bent[2], dz, offset, 1e-2, ceiling)
        for g, w in zip(got, (want_x, (dy * xhat).sum(axes), dy.sum(axes)), strict=True):
            assert np.abs(g.numpy() - w).max() <= 1e-4 * max(
                np.abs(w).max(), np.abs(dy).sum() / 100, 1.0
            )


@pytest.mark.parametrize("kind", ["far from zero", "an outlier first", "constant", "tiny"])
def test_one_pass_keeps_the_variance(kind: str) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((7000, 70))
    if kind == "far from zero":
        x = x + 3000
    elif kind == "an outlier first":
        x[0] = 500
    elif kind == "constant":
        x[:] = 1234.5
    else:
        x *= 1e-12
    x = x.astype(np.float32)
    ones = np.ones(70, np.float32)
    _, mean, variance = ps.nn.batch_norm(x, ones, ones)
    wide = x.astype(np.float64)
    close = np.abs(mean.numpy() - wide.mean(0)) <= 1e-6 * np.abs(wide.mean(0)) + 2e-6 * wide.std(0)
    assert close.all()
    np.testing.assert_allclose(variance.numpy(), wide.var(0), rtol=2e-5, atol=1e-30)


def test_what_is_not_finite_stays_in_its_channel() -> None:
    x = np.random.default_rng(0).standard_normal((64, 37)).astype(np.float32)
    x[0, 3], x[5, 9] = np.inf, np.nan
    ones = np.ones(37, np.float32)
    for z, mean, variance in (
        ps.nn.batch_norm(x, ones, ones),
        ps.ops.batch_norm_relu(x, ones, ones),
    ):
        bad = np.zeros(37, bool)
        bad[[3, 9]] = True
        assert mean.numpy()[3] == np.inf
        np.testing.assert_array_equal(np.isnan(variance.numpy()), bad)
        np.testing.assert_array_equal(np.isnan(z.numpy()).any(0), bad)


@pytest.mark.parametrize("bend", [ps.nn.relu, ps.nn.relu6], ids=["relu", "relu6"])
def test_functions_merge_and_agree_with_eager_calls(bend: Any, draw: Any) -> None:
    x, scale, offset = draw(5, 9, 8, 23) * 3, draw(23) * 4, draw(23)
    weight = draw(5, 9, 8, 23)

    def loss(x: Any, scale: Any, offset: Any) -> Any:
        y, mean, variance = ps.nn.batch_norm(x, scale, offset)
        return ps.sum(bend(y) * weight) + ps.sum(mean * variance)

    gradient = ps.grad(loss, argnums=(0, 1, 2))
    compiled = ps.function(gradient)
    for got, want in zip(compiled(x, scale, offset), gradient(x, scale, offset), strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-4, atol=1e-4)
    ops = [node.op for node in compiled.trace(x, scale, offset).plan.graph.nodes]
    assert ops.count("core.batch_norm_relu_grad") == 1
    assert "batch_norm_grad" not in ops


def test_a_result_that_others_read_is_kept(draw: Any) -> None:
    x, scale, offset = draw(6, 5), draw(5), draw(5)

    def both(x: Any) -> Any:
        y, _, _ = ps.nn.batch_norm(x, scale, offset)
        return ps.nn.relu(y), ps.exp(y)

    for got, want in zip(ps.function(both)(x), both(x), strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("mean", "corner"), [(1000.0, 0.0), (0.0, 1e6)])
def test_pixels_unlike_all_others(mean: float, corner: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(mean, 1.0, (32, 40, 40, 4)).astype(np.float32)
    x[:, 0, 0] = corner  # of every image, as a sample of a pixel from each would see them
    x[1, 7, 9:] = corner
    got = ps.nn.batch_norm(x, np.ones(4, np.float32), np.zeros(4, np.float32))[2]
    np.testing.assert_allclose(got.numpy(), x.astype(np.float64).var((0, 1, 2)), rtol=2e-4)
