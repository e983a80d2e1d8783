"""The profiler: what ran is there, once, with its shapes, its time and its place in the timeline."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors


def test_eager_ops_are_recorded() -> None:
    x = ps.ones((4, 3))
    with ps.profile() as p:
        y = ps.tanh(x) @ ps.ones((3, 2), dtype="float32")
        y + y
    ops = [event for event in p.events if event.kind == "op"]
    assert [event.op for event in ops] == ["tanh", "full", "matmul", "add"]
    product = ops[2]
    assert product.inputs == "f32(4, 3), f32(3, 2)"
    assert product.outputs == "f32(4, 2)"
    assert product.output_bytes == 32
    assert product.kernel
    assert product.live_bytes > 0


def test_nothing_is_recorded_outside_of_the_block() -> None:
    x = ps.ones((4,))
    with ps.profile() as p:
        pass
    x + x
    assert p.events == []
    with ps.profile() as second:
        x + x
    assert [event.op for event in second.events] == ["add"]


def test_a_graphs_steps_lie_inside_of_its_run() -> None:
    @ps.function
    def step(x: Any) -> Any:
        return ps.sum(x @ x, axis=0)

    x = ps.ones((300, 300))
    step(x)
    with ps.profile() as p:
        step(x)
        step(x)
    runs = [event for event in p.events if event.kind == "run"]
    nodes = [event for event in p.events if event.kind == "node"]
    assert [event.name for event in runs] == ["step", "step"]
    assert [event.op for event in nodes] == ["matmul", "sum"] * 2
    assert nodes[0].inputs == "f32(300, 300), f32(300, 300)"
    assert "test_profiler.py" in nodes[0].source
    for node in nodes:
        run = runs[0] if node.begin < runs[1].begin else runs[1]
        assert run.begin <= node.begin
        assert node.begin + node.duration <= run.begin + run.duration
    assert runs[0].output_bytes == step.memory(x)["arena_bytes"]


def test_what_is_inside_of_loops_is_recorded() -> None:
    f = ps.function(lambda x: ps.while_loop(lambda x: ps.sum(x) < 100.0, lambda x: x * 2.0, [x]))
    with ps.profile() as p:
        f(ps.ones((4,)))
    names = [event.op for event in p.events if event.kind == "node"]
    assert names.count("multiply") == 5
    assert "while" in names


def test_rows_add_up_and_count_no_time_twice() -> None:
    f = ps.function(lambda x: ps.while_loop(lambda x: ps.sum(x) < 1e6, lambda x: x * 2.0, [x]))
    begin = time.perf_counter()
    with ps.profile() as p:
        f(ps.ones((1000,)))
        with ps.profile.region("mine"):
            ps.ones((3,)) + 1
    wall = time.perf_counter() - begin
    assert sum(row.total for row in p.rows("name")) <= wall
    by_op = {row.key: row for row in p.rows()}
    assert by_op["multiply"].count == 10
    assert sum(row.share for row in p.rows()) == pytest.approx(1)
    assert {row.key for row in p.rows("kind")} == {"op", "node", "run", "region"}
    assert by_op["while"].total < max(e.duration for e in p.events if e.op == "while")
    with pytest.raises(errors.InvalidValueError, match="use 'op', 'name'"):
        p.rows("colour")  # type: ignore[arg-type]


def test_the_table_shows_the_slowest_first() -> None:
    x = ps.asarray(np.ones((400, 400), "float32"))
    with ps.profile() as p:
        ps.ones((2,)) + 1
        x @ x
    lines = p.table().splitlines()
    assert lines[0].split() == [
        "op",
        "count",
        "total",
        "share",
        "mean",
        "slowest",
        "output",
        "kernel",
    ]
    totals = [row.total for row in p.rows()]
    assert totals == sorted(totals, reverse=True)
    assert [line.split()[0] for line in lines[1:4]] == [row.key for row in p.rows()]
    assert "625.0 KiB" in next(line for line in lines if line.startswith("matmul"))
    assert "2 more; table(most=3) shows all" in p.table(most=1)
    assert str(p) == p.table()


@pytest.mark.parametrize("rich", [True, False])
def test_the_table_is_printed(
    rich: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if rich:
        pytest.importorskip("rich")
        monkeypatch.setenv("COLUMNS", "200")
    else:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    x = ps.ones((3,))
    with ps.profile() as p:
        x + x
    p.show()
    printed = capsys.readouterr().out
    assert "slowest" in printed
    assert "add" in printed


def test_the_timeline_is_chromes(tmp_path: Path) -> None:
    f = ps.function(lambda x: ps.sum(x * 2))
    with ps.profile() as p:
        with ps.profile.region("step 1"):
            f(ps.ones((8,)))
        ps.submit(f, ps.ones((8,))).result()
    p.save(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert len(spans) == len(p.events)
    for event in spans:
        assert {"name", "cat", "pid", "tid", "ts", "dur", "args"} <= set(event)
        assert event["dur"] >= 0
    region = next(event for event in spans if event["name"] == "step 1")
    inside = [e for e in spans if e["tid"] == region["tid"] and e["cat"] == "node"]
    assert inside
    assert all(region["ts"] <= e["ts"] <= region["ts"] + region["dur"] for e in inside)
    threads = {e["args"]["name"] for e in trace["traceEvents"] if e["ph"] == "M"}
    assert "MainThread" in threads
    assert len(threads) == 2
    memory = [e["args"]["bytes"] for e in trace["traceEvents"] if e["ph"] == "C"]
    assert max(memory) == p.peak_bytes


def test_profiles_nest() -> None:
    x = ps.ones((3,))
    with ps.profile() as outer:
        x + x
        with ps.profile() as inner:
            x * x
        x - x
    assert [event.op for event in inner.events] == ["multiply"]
    assert [event.op for event in outer.events] == ["add", "multiply", "subtract"]


def test_a_step_that_fails_is_recorded_too() -> None:
    def fail(x: Any) -> Any:
        raise KeyError("broken")

    with ps.profile() as p, pytest.raises(ValueError, match="broken"):
        ps.numpy_function(fail, [1.0], "float32", [()])
    assert [event.op for event in p.events] == ["host_call"]
