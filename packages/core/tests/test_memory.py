"""`function.memory()` against the allocator's own counters: what is said before a run is what the run takes."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import _native

RNG = np.random.default_rng(0)


def taken(f: Any, *args: Any) -> int:
    """Bytes that one run of a function takes at most, by the allocator's counters; its first run at these sizes."""
    gc.collect()
    before = _native.memory_stats()["live_bytes"]
    _native.reset_memory_peak()
    f(*args)
    return int(_native.memory_stats()["peak_bytes"]) - before


def weights() -> dict[str, ps.Variable]:
    shapes = {"c": (3, 3, 1, 8), "b": (8,), "d": (13 * 13 * 8, 10), "e": (10,)}
    drawn = {k: 0.1 * RNG.standard_normal(s, "float32") for k, s in shapes.items()}
    return {k: ps.Variable(v, name=k) for k, v in drawn.items()}


def logits(w: dict[str, ps.Variable], x: Any) -> Any:
    h = ps.nn.relu(ps.nn.conv2d(x, w["c"].value) + w["b"])
    h = ps.reshape(ps.nn.max_pool2d(h, 2), (-1, 13 * 13 * 8))
    return ps.matmul(h, w["d"].value) + w["e"]


@pytest.mark.parametrize("batch", [1, 2, 7, 32])
def test_inference_takes_what_was_said(batch: int) -> None:
    w = weights()
    f = ps.function(lambda x: ps.softmax(logits(w, x)))
    x = ps.asarray(RNG.standard_normal((batch, 28, 28, 1), "float32"))
    said = f.memory(x)
    assert said["unknown_steps"] == 0
    assert taken(f, x) == said["peak_bytes"]


@pytest.mark.parametrize("batch", [2, 7, 32])
def test_a_training_step_takes_what_was_said(batch: int) -> None:
    w = weights()
    m = {k: ps.Variable(np.zeros(v.shape, "float32"), trainable=False) for k, v in w.items()}
    s = {k: ps.Variable(np.zeros(v.shape, "float32"), trainable=False) for k, v in w.items()}
    count = ps.Variable(np.float32(0), trainable=False)

    @ps.function
    def step(x: Any, labels: Any) -> Any:
        with ps.GradientTape() as tape:
            loss = ps.mean(ps.nn.softmax_cross_entropy(logits(w, x), labels))
        gradients = tape.gradient(loss, w)
        t = count.assign_add(1.0)
        for k, v in w.items():
            new = ps.ops.adam_update(v, m[k], s[k], gradients[k], 1e-3, t)
            for variable, value in zip((v, m[k], s[k]), new, strict=True):
                variable.assign(value)
        return loss

    x = ps.asarray(RNG.standard_normal((batch, 28, 28, 1), "float32"))
    labels = ps.asarray(RNG.integers(0, 10, batch))
    before = [v.numpy().copy() for v in w.values()]
    said = step.memory(x, labels)
    for old, v in zip(before, w.values(), strict=True):
        np.testing.assert_array_equal(v.numpy(), old)  # asking is not running
    assert said["unknown_steps"] == 0
    assert taken(step, x, labels) == said["peak_bytes"]
    assert said["peak_bytes"] > said["arena_bytes"] > 0


def test_loops_are_said_to_be_unknown() -> None:
    f = ps.function(lambda x: ps.scan(lambda c, v: (c + v, c), x[0] * 0, x)[0])
    assert f.memory(ps.ones((4, 3)))["unknown_steps"] >= 1


def test_what_does_not_fit_is_said_before_it_fails() -> None:
    f = ps.function(lambda x: ps.sum(ps.nn.softmax(x @ x) @ x))
    x = ps.ones((1024, 1024))
    said = f.memory(x)
    _native.set_memory_limit(_native.memory_stats()["live_bytes"] + (1 << 20))
    try:
        short = f.memory(x)
        with pytest.raises(ps.errors.OutOfMemoryError):
            f(x)
    finally:
        _native.set_memory_limit(0)
    assert short["arena_bytes"] == said["arena_bytes"] > 1 << 22
    assert short["peak_bytes"] >= short["arena_bytes"]
    assert short["unknown_steps"] > said["unknown_steps"] == 0


def test_runs_of_many_sizes_share_the_memory_of_the_largest() -> None:
    @ps.function
    def step(x: Any) -> Any:
        return ps.sum(ps.matmul(ps.exp(ps.matmul(x, x.T)), x))

    def live_after(rows: list[int]) -> int:
        for n in rows:
            x = ps.asarray(np.full((n, 8), 0.01, np.float32))
            again = float(step(x))
            assert again == pytest.approx(n * 8 * n * np.exp(8e-4) * 0.01, rel=1e-4)
        return int(_native.memory_stats()["live_bytes"])

    step(ps.zeros((300, 8)))
    once = live_after([400])
    # Each of these needs about as much as the one before.
    assert live_after([399, 398, 397, 396, 395, 394, 400, 399]) < 1.5 * once + 100_000


def test_threads_that_run_one_plan_at_many_sizes_do_not_share_a_run() -> None:
    @ps.function
    def step(x: Any) -> Any:
        return ps.sum(ps.exp(ps.matmul(x, x.T)), axis=1)

    def ask(n: int) -> bool:
        x = np.full((n, 8), 0.001 * n, np.float32)
        return all(np.allclose(step(x).numpy(), n * np.exp(8e-6 * n * n)) for _ in range(5))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, [40 + i % 23 for i in range(200)]))


def test_memory_of_sizes_that_nobody_asks_for_any_longer_is_given_back() -> None:
    mega = 1 << 20
    gc.collect()
    _native.release_cached_memory()
    _native.reset_memory_peak()
    most = 0
    for size in range(9, 60):  # each of its own size, one at a time
        ps.zeros((size, mega // 4), "float32")
        stats = _native.memory_stats()
        most = max(most, stats["live_bytes"] + stats["cached_bytes"])
    assert most <= max(64 * mega, 1.25 * stats["peak_bytes"])
    before = stats["live_bytes"] + stats["cached_bytes"]
    for _ in range(3):  # what is asked for again and again is kept
        ps.zeros((59, mega // 4), "float32")
        stats = _native.memory_stats()
        assert stats["live_bytes"] + stats["cached_bytes"] == before
