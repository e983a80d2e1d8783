"""Gamma functions, gathering and counting against SciPy, PyTorch and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import nn

special = pytest.importorskip("scipy.special")
torch = pytest.importorskip("torch")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(21)


def test_gamma_functions_over_their_range() -> None:
    x = np.concatenate([np.linspace(0.01, 40, 5000), np.logspace(-200, 200, 801)])
    far = np.abs(x - 2) > 1e-3  # beside 2 SciPy itself loses digits
    np.testing.assert_allclose(
        ps.lgamma(x[far]).numpy(), special.gammaln(x[far]), rtol=4e-15, atol=2e-14
    )
    np.testing.assert_allclose(ps.digamma(x).numpy(), special.digamma(x), rtol=5e-13, atol=2e-15)
    for n in (1, 2, 5):
        np.testing.assert_allclose(ps.polygamma(x, n).numpy(), special.polygamma(n, x), rtol=1e-13)


def test_gamma_functions_where_they_are_reflected() -> None:
    x = -np.linspace(0.0137, 19.99, 3001)
    scale = np.maximum(np.abs(special.gammaln(x)), 1)
    assert np.max(np.abs(ps.lgamma(x).numpy() - special.gammaln(x)) / scale) < 1e-9
    slope = ps.grad(lambda x: ps.sum(ps.digamma(x)))(x).numpy()
    t = torch.tensor(x, requires_grad=True)
    torch.digamma(t).sum().backward()
    np.testing.assert_allclose(slope, t.grad.numpy(), rtol=1e-6)


def test_gamma_functions_at_their_ends() -> None:
    ends = np.array([0.0, -1.0, np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(ps.lgamma(ends).numpy(), [np.inf] * 4 + [np.nan])
    np.testing.assert_array_equal(
        ps.digamma(ends).numpy(), [-np.inf, np.nan, np.inf, np.nan, np.nan]
    )
    with pytest.raises(ps.errors.PenstockError, match="use 1 to 100"):
        ps.polygamma(1.0, 0)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_gather_with_batches(rng: np.random.Generator, axis: int) -> None:
    x, indices = rng.normal(size=(3, 4, 5)), rng.integers(-4, 4, (3, 2, 2))
    got = ps.gather(x, indices, axis, batch_dims=1).numpy()
    want = np.stack([np.take(x[i], indices[i], (axis % 3) - 1) for i in range(3)])
    np.testing.assert_array_equal(got, want)
    two = ps.gather(x, rng.integers(0, 5, (3, 4)), 2, batch_dims=2)
    assert two.shape == (3, 4)
    with pytest.raises(IndexError):
        ps.gather(x, [[4]] * 3, batch_dims=1)


def test_confusion_matrix(rng: np.random.Generator) -> None:
    right = rng.integers(0, 6, 50)
    chosen = rng.integers(0, 6, 50)
    matrix = np.zeros((6, 6))
    np.add.at(matrix, (right, chosen), 0.5)
    got = nn.confusion_matrix(right, chosen, 6, np.full(50, 0.5), dtype="float64")
    np.testing.assert_array_equal(got.numpy(), matrix)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: ps.sequence_mask([1], -1), "must not be negative"),
        (lambda: ps.gather(np.ones((2, 3)), [1], 0, batch_dims=1), "must not lie within"),
    ],
)
def test_refusals(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()
