"""Scatters, segments and sorting against PyTorch, values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps

torch = pytest.importorskip("torch")

Close = Callable[..., None]


def compare(close: Close, ours: Any, theirs: Any, *arrays: Any) -> None:
    """Require equal values, and equal gradients of a weighted sum, eager and traced."""
    given = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = theirs(*given)
    weights = np.random.default_rng(5).normal(size=tuple(expected.shape))
    (expected * torch.tensor(weights)).sum().backward()
    inputs = [ps.asarray(a) for a in arrays]
    close(ours(*inputs), expected.detach().numpy())
    grad = ps.grad(lambda *xs: ps.sum(ours(*xs) * weights), argnums=tuple(range(len(arrays))))
    for run in (grad, ps.function(grad)):
        for got, t in zip(run(*inputs), given, strict=True):
            close(got, t.grad.numpy())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("mode", ["add", "max", "min"])
def test_put_along_axis(close: Close, rng: np.random.Generator, mode: str) -> None:
    x, values = rng.integers(0, 3, (4, 5)) * 1.0, rng.integers(0, 3, (7, 5)) * 1.0
    index = rng.integers(0, 4, (7, 5))
    reduce = {"add": "sum", "max": "amax", "min": "amin"}[mode]
    compare(
        close,
        lambda x, v: ps.put_along_axis(x, index, v, 0, mode=mode),
        lambda x, v: x.scatter_reduce(0, torch.tensor(index), v, reduce),
        *(x, values),
    )


@pytest.mark.parametrize(("name", "reduce"), [("scatter_max", "amax"), ("scatter_min", "amin")])
def test_extremes_of_slices(close: Close, rng: np.random.Generator, name: str, reduce: str) -> None:
    x, updates = rng.integers(0, 3, (4, 5)) * 1.0, rng.integers(0, 3, (4, 6)) * 1.0
    index = rng.integers(0, 5, 6)
    compare(
        close,
        lambda x, u: getattr(ps, name)(x, index, u, 1),
        lambda x, u: x.scatter_reduce(1, torch.tensor(index).expand(4, 6), u, reduce),
        *(x, updates),
    )


@pytest.mark.parametrize("accumulate", [False, True])
def test_coordinates(close: Close, rng: np.random.Generator, accumulate: bool) -> None:
    places = np.array([[0, 1], [3, 2], [2, 2]])  # PyTorch leaves open which of several stays
    x, updates = rng.normal(size=(4, 3, 2)), rng.normal(size=(3, 2))
    ours = ps.scatter_nd_add if accumulate else ps.scatter_nd_update
    at = tuple(torch.tensor(column) for column in places.T)
    compare(
        close,
        lambda x, u: ours(x, places, u),
        lambda x, u: x.index_put(at, u, accumulate=accumulate),
        *(x, updates),
    )


@pytest.mark.parametrize("descending", [False, True])
def test_sort(close: Close, rng: np.random.Generator, descending: bool) -> None:
    x = rng.normal(size=(3, 9, 2))
    compare(
        close,
        lambda x: ps.sort(x, 1, descending=descending),
        lambda x: x.sort(1, descending=descending).values,
        x,
    )
    compare(
        close,
        lambda x: ps.top_k(x, 4, 1, largest=descending)[0],
        lambda x: x.topk(4, 1, largest=descending).values,
        x,
    )


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin"])
def test_running_totals(close: Close, rng: np.random.Generator, name: str) -> None:
    x = rng.normal(size=(3, 6))
    x[1, 2] = x[1, 4] = x[2, 0] = 0.0

    def theirs(x: Any) -> Any:
        result = getattr(torch, name)(x, 1)
        return result if name in ("cumsum", "cumprod") else result.values

    x = x if name in ("cumsum", "cumprod") else rng.normal(size=(3, 6))
    compare(close, lambda x: getattr(ps, name)(x, 1), theirs, x)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
def test_segments(close: Close, rng: np.random.Generator, name: str) -> None:
    data, ids = rng.normal(size=(8, 3)), np.array([2, 0, 2, 3, 0, 2, 3, 3])
    reduce = {"sum": "sum", "mean": "mean", "max": "amax", "min": "amin"}[name]
    where = torch.tensor(ids[:, None].repeat(3, 1))
    kept = np.array([0, 2, 3])  # segment 1 is empty

    def theirs(data: Any) -> Any:
        zeros = torch.zeros(4, 3, dtype=torch.float64)
        return zeros.scatter_reduce(0, where, data, reduce, include_self=False)[kept]

    ours = getattr(ps, f"segment_{name}")
    compare(close, lambda data: ps.take(ours(data, ids, 4), kept), theirs, data)
