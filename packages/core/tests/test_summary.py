"""What a program tells its observers, eagerly and in graphs, and that a bad observer does no harm."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors, summary


class Keep:
    """Keeps all records."""

    def __init__(self) -> None:
        self.records: list[summary.Record] = []
        self.closed = 0

    def record(self, record: summary.Record) -> None:
        self.records.append(record)

    def close(self) -> None:
        self.closed += 1

    def facts(self) -> list[tuple[Any, ...]]:
        return [(r.kind, r.name, r.step, np.asarray(r.value).tolist()) for r in self.records]


def test_values_are_told_now() -> None:
    keep = Keep()
    before = time.time()
    with summary.observe(keep) as given:
        assert given is keep
        summary.scalar("loss", 0.5, step=3, description="of a batch")
        summary.histogram("weights", [[1.0, 2.0]], step=ps.asarray(4))
        summary.text("note", ["a", "b"], step=np.int32(5))
    assert keep.facts() == [
        ("scalar", "loss", 3, 0.5),
        ("histogram", "weights", 4, [[1.0, 2.0]]),
        ("text", "note", 5, ["a", "b"]),
    ]
    assert keep.records[0].description == "of a batch"
    assert before <= keep.records[0].time <= time.time()
    assert keep.closed == 1
    summary.scalar("loss", 0.1)
    assert len(keep.records) == 3


def test_images_come_in_batches() -> None:
    keep = Keep()
    with summary.observe(keep):
        summary.image("one", np.zeros((4, 5, 3), "uint8"))
        summary.image("many", np.zeros((2, 4, 5, 1), "float32"))
    assert [r.value.shape for r in keep.records] == [(1, 4, 5, 3), (2, 4, 5, 1)]
    with pytest.raises(errors.ShapeError, match="1, 3 or 4 channels"):
        summary.image("flat", np.zeros((4, 5), "uint8"))
    with pytest.raises(errors.ShapeError, match="1, 3 or 4 channels"):
        summary.image("two", np.zeros((4, 5, 2), "uint8"))
    with pytest.raises(errors.InvalidTypeError, match="floats from 0 to 1"):
        summary.image("ints", np.zeros((4, 5, 3), "int32"))


def test_graphs_and_runs_are_told() -> None:
    keep = Keep()
    f = ps.function(lambda x: x + 1)
    f(ps.ones((2,)))
    with ps.profile() as p:
        f(ps.ones((2,)))
    with summary.observe(keep):
        summary.graph("model", f)
        summary.graph("same", f.graph)
        summary.run("step", p, step=1)
    assert keep.records[0].value == keep.records[1].value == f.graph
    assert keep.records[2].value is p
    with pytest.raises(errors.InvalidTypeError, match="called once"):
        summary.graph("no", 3)
    with pytest.raises(errors.InvalidTypeError, match=r"penstock\.profile\(\)"):
        summary.run("no", 3)  # type: ignore[arg-type]


def test_the_step_can_be_set_for_all() -> None:
    keep = Keep()
    with summary.observe(keep):
        summary.set_step(7)
        summary.scalar("a", 1)
        summary.set_step(None)
        summary.scalar("a", 1)
        summary.scalar("a", 1, step=8)
    assert [r.step for r in keep.records] == [7, None, 8]
    for step in (1.5, "one", [1, 2]):
        with pytest.raises(errors.InvalidTypeError, match=r"step=int\(step\)"):
            summary.set_step(step)  # type: ignore[arg-type]


def test_a_traced_function_tells_at_every_run() -> None:
    keep = Keep()
    counter = ps.Variable(0)

    @ps.function
    def step(x: Any) -> Any:
        counter.assign_add(1)
        summary.scalar("mean", ps.mean(x), step=counter)
        return x * 2

    with summary.observe(keep):
        for i in range(3):
            step(ps.asarray([float(i), float(i)]))
    step(ps.asarray([9.0, 9.0]))  # nobody observes
    assert keep.facts() == [("scalar", "mean", i + 1, float(i)) for i in range(3)]


def test_a_session_tells_when_it_is_asked_to() -> None:
    keep = Keep()
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", (None,))
        told = summary.histogram("x", x, step=2)
    assert told is not None
    with summary.observe(keep):
        ps.Session(graph).run(told, {x: [1.0, 2.0]})
    assert keep.facts() == [("histogram", "x", 2, [1.0, 2.0])]


def test_several_observers_are_told_the_same() -> None:
    one, two = Keep(), Keep()
    with summary.observe(one):
        with summary.observe(two):
            summary.scalar("a", 1)
        summary.scalar("b", 1)
    assert [r.name for r in one.records] == ["a", "b"]
    assert [r.name for r in two.records] == ["a"]


def test_an_observer_that_raises_is_told_nothing_more() -> None:
    class Broken(Keep):
        def record(self, record: summary.Record) -> None:
            super().record(record)
            raise OSError("disk full")

    broken, keep = Broken(), Keep()
    with summary.observe(broken), summary.observe(keep):
        with pytest.warns(errors.ObserverWarning, match="Broken is told nothing more.*disk full"):
            summary.scalar("loss", 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            summary.scalar("loss", 2)
    assert len(broken.records) == 1
    assert len(keep.records) == 2


def test_wrong_values_are_told_what_to_do() -> None:
    with pytest.raises(errors.ShapeError, match=r"penstock\.mean\(value\)"):
        summary.scalar("a", [1.0, 2.0])
    with pytest.raises(errors.InvalidTypeError, match=r"summary\.text"):
        summary.histogram("a", ["x"])
    with pytest.raises(errors.InvalidTypeError, match=r"str\(value\)"):
        summary.text("a", 1.0)
    with pytest.raises(errors.InvalidTypeError, match="methods record"), summary.observe(3):  # type: ignore[arg-type]
        pass
    with pytest.raises(errors.PluginError, match="install one"), summary.observe("no_such_board"):
        pass
