"""Settings of the running process hold for their block and no longer."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as ps
from penstock import errors, runtime
from penstock.graph import run_graph


def test_threads_are_set_for_a_block() -> None:
    before = runtime.num_threads()
    with runtime.threads(3):
        assert runtime.num_threads() == 3
        with runtime.threads(1):
            assert runtime.num_threads() == 1
        assert runtime.num_threads() == 3
    assert runtime.num_threads() == before


def test_no_thread_is_not_enough() -> None:
    with (
        pytest.raises(errors.InvalidValueError, match=r"\[threads\] got 0; .*threads\(1\)"),
        runtime.threads(0),
    ):
        pass


def test_the_fallback_policy_is_kept_checked() -> None:
    with (
        pytest.raises(errors.InvalidValueError, match="must be warn, silent or error"),
        runtime.fallback("maybe"),  # type: ignore[arg-type]
    ):
        pass
    with runtime.fallback("error"), runtime.fallback("silent"):
        pass


def test_memory_is_counted() -> None:
    before = runtime.memory_stats()["live_bytes"]
    x = ps.zeros((1 << 20,))
    assert runtime.memory_stats()["live_bytes"] - before >= x.nbytes
    del x
    assert runtime.memory_stats()["live_bytes"] == before


def test_a_graph_runs_as_it_was_written() -> None:
    f = ps.function(lambda x: (x + 0.0) * 1.0)
    x = ps.asarray([1.0, -2.0])
    graph = f.trace(x).graph
    assert len(graph.nodes) > 2  # nothing was simplified
    np.testing.assert_array_equal(run_graph(graph, [x])[0].numpy(), [1, -2])
    with pytest.raises(errors.CancelledError, match="cancelled"):
        run_graph(graph, [x], timeout=0.0)


# What an eager call remembers of an earlier one


REMEMBERED = {
    "sum": (ps.sum, np.sum),
    "argmax": (ps.argmax, np.argmax),
    "matmul": (lambda x: x @ ps.permute_dims(x, (1, 0)), lambda x: x @ x.T),
    "cumsum": (lambda x: ps.cumulative_sum(x, axis=0), lambda x: np.cumsum(x, 0)),
    "nonzero": (lambda x: ps.stack(ps.nonzero(x > 0)), lambda x: np.stack(np.nonzero(x > 0))),
    "unique": (lambda x: ps.unique_values(ps.sign(x)), lambda x: np.unique(np.sign(x))),
    "add": (lambda x: x + x[:1], lambda x: x + x[:1]),
}


@pytest.mark.parametrize("name", list(REMEMBERED))
def test_an_eager_call_remembers_shapes_and_not_values(name: str) -> None:
    ours, theirs = REMEMBERED[name]
    rng = np.random.default_rng(0)
    for _ in range(3):
        for shape, dtype in [((5, 7), "float32"), ((7, 5), "float32"), ((5, 7), "float64")] * 2:
            x = rng.standard_normal(shape).astype(dtype)
            x[rng.random(shape) < rng.random()] = 0  # another number of results each time
            found = np.asarray(ours(ps.asarray(x)))
            np.testing.assert_allclose(found, theirs(x), rtol=1e-5)
            assert found.dtype.kind != "f" or found.dtype == dtype
