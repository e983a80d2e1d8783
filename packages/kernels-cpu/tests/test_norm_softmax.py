"""Softmax and its relatives against SciPy, batch normalisation against its formula, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps

special = pytest.importorskip("scipy.special")

SHAPES = [(1,), (16,), (17,), (3, 10), (5, 1), (4, 1000), (2, 3, 33), (7, 5, 3), (2, 20001), (0, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_softmax_along_every_axis(shape: tuple[int, ...], draw: Any) -> None:
    x = draw(*shape) * 5
    for axis in range(-1, len(shape)):
        if shape[axis] == 0:
            continue
        wide = x.astype(np.float64)
        np.testing.assert_allclose(
            ps.softmax(x, axis=axis).numpy(),
            special.softmax(wide, axis=axis),
            rtol=1e-5,
            atol=1e-44,
        )
        np.testing.assert_allclose(
            ps.log_softmax(x, axis=axis).numpy(),
            special.log_softmax(wide, axis=axis),
            rtol=2e-6,
            atol=2e-6,
        )


def test_softmax_of_extremes() -> None:
    x = np.array([[1e38, -1e38, 0] * 7, [-np.inf] * 20 + [0], [1000.0] * 21], np.float32)
    with np.errstate(all="ignore"):
        want = special.softmax(x.astype(np.float64), axis=-1)
    np.testing.assert_allclose(ps.softmax(x).numpy(), want, rtol=1e-6, atol=1e-44)
    np.testing.assert_allclose(ps.softmax(x.T, axis=0).numpy(), want.T, rtol=1e-6, atol=1e-44)
    x[0, 3] = np.nan
    assert np.isnan(ps.softmax(x).numpy()[0]).all()
    assert np.isfinite(ps.softmax(x).numpy()[1:]).all()


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("classes", [1, 2, 10, 16, 1001])
def test_cross_entropy_and_its_gradient(classes: int, dtype: Any, draw: Any, rng: Any) -> None:
    logits = draw(13, classes) * 4
    labels = rng.integers(0, classes, 13).astype(dtype)
    chosen = np.arange(13), labels
    want = -special.log_softmax(logits.astype(np.float64), axis=-1)[chosen]
    got = ps.softmax_cross_entropy(logits, labels).numpy()
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-6)

    weights = draw(13)
    slope = ps.grad(lambda x: ps.sum(ps.softmax_cross_entropy(x, labels) * weights))(logits).numpy()
    want = special.softmax(logits.astype(np.float64), axis=-1)
    want[chosen] -= 1
    np.testing.assert_allclose(slope, want * weights[:, None], atol=2e-6)


@pytest.mark.parametrize("label", [-1, 3, 2**40])
def test_a_wrong_label_is_named(label: int) -> None:
    with pytest.raises(
        (ValueError, IndexError), match=rf"label {label} at position 1 is outside 0\.\.2"
    ):
        ps.softmax_cross_entropy(np.zeros((2, 3), np.float32), np.array([0, label]))


@pytest.mark.parametrize(
    "shape", [(2, 1), (50, 7), (8, 6, 5, 16), (3000, 33), (4, 5000), (20, 9001)], ids=str
)
def test_batch_norm_and_its_gradient(shape: tuple[int, ...], draw: Any) -> None:
    x, dy = draw(*shape) * 3 + 2, draw(*shape)
    scale, offset = draw(shape[-1]), draw(shape[-1])
    wide, axes = x.astype(np.float64), tuple(range(len(shape) - 1))
    mean, variance = wide.mean(axes), wide.var(axes)
    deviation = 1 / np.sqrt(variance + 1e-3)
    normal = (wide - mean) * deviation
    y, got_mean, got_variance = (t.numpy() for t in ps.batch_norm(x, scale, offset))
    np.testing.assert_allclose(got_mean, mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(got_variance, variance, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(y, normal * scale + offset, rtol=1e-4, atol=1e-4)

    slopes = ps.grad(lambda *args: ps.sum(ps.batch_norm(*args)[0] * dy), argnums=(0, 1, 2))(
        x, scale, offset
    )
    wide_dy = dy.astype(np.float64)
    centred = wide_dy - wide_dy.mean(axes) - normal * (wide_dy * normal).mean(axes)
    np.testing.assert_allclose(slopes[0].numpy(), centred * scale * deviation, rtol=1e-3, atol=1e-4)
    bound = np.abs(wide_dy).sum(axes).max() * 1e-5
    np.testing.assert_allclose(
        slopes[1].numpy(), (wide_dy * normal).sum(axes), rtol=1e-4, atol=bound
    )
    np.testing.assert_allclose(slopes[2].numpy(), wide_dy.sum(axes), rtol=1e-4, atol=bound)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 1003])
def test_cross_entropy_of_distributions(n: int, rng: np.random.Generator) -> None:
    x = rng.uniform(-30, 30, (5, n)).astype("float32")
    labels = rng.dirichlet(np.ones(n), 5).astype("float32")
    wide = x.astype("float64")
    logs = wide - np.logaddexp.reduce(wide, -1, keepdims=True)
    got = ps.nn.softmax_cross_entropy_dense(x, labels).numpy()
    np.testing.assert_allclose(got, -(labels * logs).sum(-1), rtol=1e-5, atol=1e-6)
    x[2, n // 2] = np.nan
    assert np.isnan(ps.nn.softmax_cross_entropy_dense(x, labels).numpy()).tolist() == [
        0,
        0,
        1,
        0,
        0,
    ]
