"""What follows from constants and variables alone is computed once for each version of the variables."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import _native

RNG = np.random.default_rng(0)


def ops_of(f: Any, *args: Any) -> list[str]:
    """The kernels of one call that ran in its graphs."""
    with ps.profile() as p:
        f(*args)
    nodes = [event.op for event in p.events if event.kind == "node"]
    return [op for op in nodes if op not in ("read_variable", "assign_variable")]


def normed(scale: ps.Variable, variance: ps.Variable) -> Any:
    """Divide by a deviation, in a way that no pass makes one op of."""
    return ps.function(
        lambda x: ps.cumulative_sum(x) * ps.cumulative_sum(scale / ps.sqrt(variance + 1.0))
    )


def wanted(x: np.ndarray, scale: ps.Variable, variance: ps.Variable) -> np.ndarray:
    return np.cumsum(x) * np.cumsum(scale.numpy() / np.sqrt(variance.numpy() + 1))


def test_it_runs_again_only_after_an_assignment() -> None:
    scale, variance = ps.Variable([1.0, 2.0, 3.0]), ps.Variable([3.0, 8.0, 0.0])
    f, x = normed(scale, variance), np.array([1, 2, 3], np.float32)
    given = ps.asarray(x)
    first = ops_of(f, given)
    assert first.count("cumsum") == 2
    assert ops_of(f, given).count("cumsum") == 1
    for variable in (scale, variance, scale):
        variable.assign(RNG.uniform(1, 2, 3).astype(np.float32))
        assert ops_of(f, given) == first
        assert ops_of(f, given).count("cumsum") == 1
        np.testing.assert_allclose(f(given).numpy(), wanted(x, scale, variance), rtol=1e-6)


def test_an_update_in_place_counts() -> None:
    v = ps.Variable([1.0, 2.0])
    read = ps.function(lambda x: x + ps.exp(ps.cumulative_sum(v.value)))
    add = ps.function(lambda: v.assign_add([1.0, 1.0]))
    for step in range(4):
        want = 1 + np.exp(np.cumsum(np.array([1, 2]) + step))
        np.testing.assert_allclose(read(ps.ones((2,))).numpy(), want, rtol=1e-5)
        add()


def test_all_sizes_share_it() -> None:
    v = ps.Variable([1.0, 2.0])
    f = ps.function(lambda x: x * ps.cumulative_sum(v.value))
    f(ps.ones((2, 2)))
    f(ps.ones((3, 2)))
    for rows in (3, 4, 50):
        assert "cumsum" not in ops_of(f, ps.ones((rows, 2)))
        np.testing.assert_array_equal(f(ps.ones((rows, 2))).numpy(), np.tile([1.0, 3.0], (rows, 1)))


def test_what_a_run_assigns_itself_is_not_kept() -> None:
    v = ps.Variable([1.0, 2.0])

    @ps.function
    def step(x: Any) -> Any:
        before = x * ps.cumulative_sum(v.value)
        v.assign_add([1.0, 1.0])
        return before, x * ps.cumulative_sum(v.value)

    for i in range(3):
        before, after = step(ps.ones((2,)))
        np.testing.assert_array_equal(before.numpy(), np.cumsum(np.array([1, 2]) + i))
        np.testing.assert_array_equal(after.numpy(), np.cumsum(np.array([2, 3]) + i))


def test_what_a_body_assigns_is_not_kept() -> None:
    v = ps.Variable([1.0, 2.0])

    def body(carry: Any, row: Any) -> tuple[Any, Any]:
        v.assign_add([1.0, 1.0])
        return carry + ps.cumulative_sum(v.value), row * ps.cumulative_sum(v.value)

    @ps.function
    def f(rows: Any) -> Any:
        total, scaled = ps.scan(body, ps.zeros((2,)), rows)
        return total, scaled, ps.cumulative_sum(v.value)

    seen = np.array([1.0, 2.0])
    for _ in range(3):
        total, scaled, last = f(ps.ones((3, 2)))
        sums = [np.cumsum(seen + i) for i in (1, 2, 3)]
        seen += 3
        np.testing.assert_array_equal(total.numpy(), sum(sums))
        np.testing.assert_array_equal(scaled.numpy(), sums)
        np.testing.assert_array_equal(last.numpy(), sums[-1])


@pytest.mark.parametrize("kind", ["scan", "while", "cond", "call"])
def test_bodies_see_assignments_between_calls(kind: str) -> None:
    v = ps.Variable([1.0, 2.0])

    def scaled(x: Any) -> Any:
        return x + ps.cumulative_sum(v.value)

    makers = {
        "scan": lambda x: ps.scan(lambda c, _: (scaled(c), c[0]), x, ps.zeros((3,)))[0],
        "while": lambda x: ps.while_loop(
            lambda i, _: i < 3, lambda i, c: (i + 1, scaled(c)), (0, x)
        )[1],
        "cond": lambda x: ps.cond(x[0] >= 0, lambda: scaled(scaled(scaled(x))), lambda: x),
        "call": lambda x: inner(inner(inner(x))),
    }
    inner = ps.function(scaled)
    f = ps.function(makers[kind])
    for i in range(3):
        v.assign(np.array([1, 2], np.float32) + i)
        for _ in range(2):
            want = 1 + 3 * np.cumsum(np.array([1, 2]) + i)
            np.testing.assert_array_equal(f(ps.ones((2,))).numpy(), want)


def test_a_read_behind_a_function_of_the_host_sees_what_that_assigned() -> None:
    v = ps.Variable([1.0, 2.0])

    def assign(x: np.ndarray) -> np.ndarray:
        v.assign(ps.asarray(np.array([10, 20], np.float32) * x[0]))
        return x

    @ps.function
    def f(x: Any) -> Any:
        x = ps.numpy_function(assign, [x], "float32", [(2,)])
        return x, ps.cumulative_sum(v.value) * 1.0 + ps.cumulative_sum(x)

    for i in (1.0, 2.0, 3.0):
        got = f(ps.asarray(np.array([i, 0], np.float32)))[1]
        np.testing.assert_array_equal(got.numpy(), np.array([10, 30]) * i + i)


def test_random_numbers_are_drawn_in_every_run() -> None:
    v = ps.Variable(np.ones(8, np.float32))
    f = ps.function(lambda x: x * ps.cumulative_sum(v.value * ps.random.uniform((8,))))
    a, b = (f(ps.ones((8,))).numpy() for _ in range(2))
    assert (a != b).any()


def test_results_of_the_function_are_its_callers() -> None:
    v = ps.Variable([1.0, 2.0])
    f = ps.function(lambda: (ps.cumulative_sum(v.value), ps.cumulative_sum(v.value) * 2.0))
    first, twice = f()
    v.assign([5.0, 5.0])
    np.testing.assert_array_equal(f()[0].numpy(), [5, 10])
    np.testing.assert_array_equal(first.numpy(), [1, 3])
    np.testing.assert_array_equal(twice.numpy(), [2, 6])


def test_a_variable_without_a_value_fails_until_it_has_one() -> None:
    v1 = ps.v1
    with v1.Graph().as_default():
        v = v1.Variable([1.0, 2.0])
        x = v1.placeholder("float32", (2,))
        y = x * ps.cumulative_sum(v)
        with v1.Session() as session:
            for _ in range(2):
                with pytest.raises(ps.errors.PenstockError, match="has no value yet"):
                    session.run(y, {x: [1, 1]})
            session.run(v.initializer)
            for _ in range(2):
                np.testing.assert_array_equal(session.run(y, {x: [1, 1]}), [1, 3])


def test_threads_each_see_one_version() -> None:
    ones = np.ones(500, np.float32)
    v = ps.Variable(ones)
    f = ps.function(lambda x: x * ps.flip(ps.exp(ps.log(v.value)) * 3.0, axis=0))
    x = ps.ones((500,))
    f(x)
    wrong: list[np.ndarray] = []

    def use() -> None:
        for _ in range(300):
            y = f(x).numpy()
            if not (y == y[0]).all() or not any(np.isclose(y[0], 3 * k) for k in range(1, 60)):
                wrong.append(y)

    threads = [threading.Thread(target=use) for _ in range(4)]
    [t.start() for t in threads]
    for k in range(1, 60):
        v.assign(ps.asarray(k * ones))
    [t.join() for t in threads]
    assert not wrong
    np.testing.assert_allclose(f(x).numpy(), 3 * 59 * ones, rtol=1e-6)


def test_large_results_are_kept_only_for_what_they_save() -> None:
    side = 300
    v = ps.Variable(RNG.standard_normal((side, side)).astype(np.float32))
    cheap = ps.function(lambda x: x + ps.cumulative_sum(v.value, axis=0))
    product = ps.function(lambda x: x @ (v.value @ v.value))
    rounded = ps.function(lambda x: x @ ps.astype(v.value, "bfloat16"))
    small = ps.function(lambda x: x + ps.cumulative_sum(ps.sum(v.value, axis=0)))
    x = ps.ones((side, side))
    half = ps.astype(x, "bfloat16")
    for f, given, bytes_kept in (
        (cheap, x, 0), (product, x, 4 * side**2), (rounded, half, 2 * side**2), (small, x, 4 * side)
    ):  # fmt: skip
        first = f(given).numpy()
        assert f.memory(given)["constant_bytes"] == bytes_kept
        np.testing.assert_array_equal(f(given).numpy(), first)


def taken(f: Any, *args: Any) -> int:
    before = _native.memory_stats()["live_bytes"]
    _native.reset_memory_peak()
    f(*args)
    return int(_native.memory_stats()["peak_bytes"]) - before


def test_runs_take_what_was_said_before_and_after_assignments() -> None:
    v = ps.Variable(np.ones((8, 1000), np.float32))
    f = ps.function(
        lambda x: ps.sum(
            ps.cumulative_sum(x, axis=0) * ps.cumulative_sum(ps.exp(v.value), axis=1), axis=1
        )
    )
    x = ps.ones((8, 1000))
    said = f.memory(x)
    assert said["unknown_steps"] == 0
    assert said["constant_bytes"] == 8 * 1000 * 4
    assert taken(f, x) == said["peak_bytes"]
    once_more = taken(f, x)  # it has its arena
    for k in range(3):
        v.assign(np.full((8, 1000), 0.1 * k, np.float32))
        assert taken(f, x) == once_more
