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
