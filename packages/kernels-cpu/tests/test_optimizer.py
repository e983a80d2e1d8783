"""Adam against a loop in NumPy, eagerly and in place on variables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]


def adam(
    p: Array, m: Array, v: Array, g: Array, rate: float, t: int, b1: float, b2: float, eps: float
) -> Any:
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    return p - rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps), m, v


@pytest.mark.parametrize("shape", [(), (1,), (5, 7), (16,), (70001,), (0,)], ids=str)
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9)])
def test_steps_follow_the_formula(
    shape: tuple[int, ...], betas: tuple[float, float], draw: Any
) -> None:
    p = np.asarray(draw(*shape))
    state: Any = (p, np.zeros_like(p), np.zeros_like(p))
    truth: Any = tuple(a.astype(np.float64) for a in state)
    for t in range(1, 6):
        g = np.asarray(draw(*shape))
        state = tuple(
            a.numpy()
            for a in ps.ops.adam_update(
                *state,
                g,
                np.float32(0.01),
                np.float32(t),
                beta_1=betas[0],
                beta_2=betas[1],
                epsilon=1e-7,
            )
        )
        truth = adam(*truth, g.astype(np.float64), 0.01, t, *betas, 1e-7)
    for got, want in zip(state, truth, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("n", [3, 1000, 70001])
def test_in_place_on_variables_gives_the_same_bits(n: int, draw: Any) -> None:
    start = draw(n), np.zeros(n, np.float32), np.zeros(n, np.float32)
    p, m, v = (ps.Variable(a) for a in start)

    @ps.function
    def step(g: ps.Tensor, t: ps.Tensor) -> None:
        new = ps.ops.adam_update(p, m, v, g, ps.asarray(0.1), t)
        for variable, value in zip((p, m, v), new, strict=True):
            variable.assign(value)

    state: Any = tuple(ps.asarray(a) for a in start)
    for t in range(1, 5):
        g = ps.asarray(draw(n))
        step(g, ps.asarray(float(t)))
        state = ps.ops.adam_update(*state, g, ps.asarray(0.1), ps.asarray(float(t)))
    for variable, value in zip((p, m, v), state, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value.numpy())


def test_an_update_leaves_its_inputs_alone(draw: Any) -> None:
    start = [ps.asarray(draw(33)) for _ in range(4)]
    before = [t.numpy().copy() for t in start]
    ps.ops.adam_update(start[0], start[1], ps.abs(start[2]), start[3], 0.1, 1.0)
    for t, old in zip(start, before, strict=True):
        np.testing.assert_array_equal(t.numpy(), old)


@pytest.mark.parametrize("n", [5, 40_000])
def test_chains_that_reuse_memory_give_the_same_bits(n: int, draw: Any) -> None:
    def chain(x: ps.Tensor, y: ps.Tensor) -> ps.Tensor:
        z = ps.relu(x * 2.0 - y)
        z = ps.tanh(z) + ps.exp(-z) * z
        z = ps.maximum(z, x) / (ps.square(y) + 1.0)
        return ps.softmax(ps.reshape(z - ps.reshape(y, (-1,)), (1, -1)) ** 2.0)

    x, y = ps.asarray(draw(n)), ps.asarray(draw(n))
    np.testing.assert_array_equal(ps.function(chain)(x, y).numpy(), chain(x, y).numpy())


@pytest.mark.parametrize(("rows", "width", "count"), [(1, 1, 3), (7, 5, 20), (5000, 33, 3000)])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_rows_follow_the_formula(rows: int, width: int, count: int, dtype: Any, draw: Any) -> None:
    p, m, v = draw(rows, width), draw(rows, width), np.abs(draw(rows, width))
    g = draw(count, width)
    index = np.random.default_rng(rows).integers(-rows, rows, count).astype(dtype)
    summed = np.zeros((rows, width))
    np.add.at(summed, index, g.astype(np.float64))
    wide = (a.astype(np.float64) for a in (p, m, v))
    want = adam(*wide, summed, 0.01, 2, 0.9, 0.999, 1e-7)
    changed = np.isin(np.arange(rows), index % rows)[:, None]
    got = ps.ops.adam_update_rows(p, m, v, index, g, np.float32(0.01), np.float32(2.0))
    for old, new, truth in zip((p, m, v), got, want, strict=True):
        np.testing.assert_array_equal(np.where(changed, old, new), old)
        np.testing.assert_allclose(new, np.where(changed, truth, old), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_embedding_reads_rows(dtype: Any, draw: Any) -> None:
    table = draw(50, 37)
    ids = np.random.default_rng(0).integers(-50, 50, (20, 300)).astype(dtype)
    np.testing.assert_array_equal(ps.nn.embedding(table, ids), table[ids])
    with pytest.raises(IndexError, match="index 50 at position 1 is out of range"):
        ps.nn.embedding(table, np.array([0, 50], dtype))
