"""Rotary embedding against complex numbers, and against what it is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps


def turned(x: Any, positions: Any, base: float = 10000.0) -> Any:
    half = x.shape[-1] // 2
    angles = np.asarray(positions)[..., None] * base ** (-np.arange(half) / half)
    z = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)
    return np.concatenate([z.real, z.imag], -1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_turns_complex_numbers(dtype: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 8)).astype(dtype)
    near = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(ps.nn.rotary_embedding(x), turned(x, np.arange(5)), **near)
    at = np.array([7, 100_000, 3, 0, 12])
    for run in (ps.nn.rotary_embedding, ps.function(ps.nn.rotary_embedding)):
        y = run(x, at)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, turned(x, at), **near)


def test_scores_depend_on_distances_only() -> None:
    q, k = (ps.asarray(np.random.default_rng(i).normal(size=(1, 4))) for i in (0, 1))

    def score(i: int, j: int) -> float:
        a, b = ps.nn.rotary_embedding(q, [i]), ps.nn.rotary_embedding(k, [j])
        return float(ps.sum(a * b))

    assert score(3, 1) == pytest.approx(score(12, 10), rel=1e-12)
    assert score(3, 1) != pytest.approx(score(3, 2), rel=1e-3)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="with an even depth; pad it"):
        ps.nn.rotary_embedding(np.ones((2, 3)))
    with pytest.raises(TypeError, match="expected a float dtype"):
        ps.nn.rotary_embedding(np.ones((2, 4), int))
