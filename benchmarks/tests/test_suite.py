"""The suite's own logic: who agrees, what a ratio is, what happens when a worker dies, what the page says."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import page
from harness import sections, table
from harness.agreement import compare, distance
from harness.crew import Crew
from harness.modes import exact
from harness.processes import Environment, Remote, WorkerError
from harness.samples import best_peer, ratio, spread
from harness.settings import Effort, Settings
from harness.steady import measure
from harness.workload import KINDS, all_workloads

CPU = max(os.sched_getaffinity(0))


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    frameworks = ("penstock", "torch", "jax")
    # Nothing is installed for the others: an interpreter without packages stands for theirs.
    pythons = dict.fromkeys(frameworks, sys.executable)
    return Environment(pythons, tmp_path, 1, (CPU,), {"PYTHONNOUSERSITE": "1"})


def result(*rounds: float) -> dict[str, Any]:
    return {"cpu_rounds": list(rounds), "cpu": spread(rounds), "peak": 1 << 20, "version": "1"}


def row(goal: float | None = 0.75, **results: dict[str, Any]) -> dict[str, Any]:
    return {
        "mode": "steady",
        "workload": "mlp",
        "title": "a step",
        "clock": "cpu",
        "goal": goal,
        "results": results,
        "failures": {"jax": "the worker ended with signal 9"},
        "machine": {
            "cpu": "a CPU", "flags": [], "caches": {}, "cpus": 2, "memory_gib": 1.0, "system": "Linux",
            "python": "3", "load": [0.5, 0.5, 0.5], "time": "2026-01-01 00:00 UTC",
        },
    }  # fmt: skip


# ---- answers --------------------------------------------------------------------------------------


def test_distance_is_a_part_of_the_largest_number() -> None:
    assert distance(np.array([100.0, 1.0]), np.array([100.0, 2.0])) == pytest.approx(0.01)
    assert distance(np.zeros(3), np.zeros(3)) == 0
    assert distance(np.zeros(3), np.zeros(4)) == np.inf
    assert distance(np.array([1.0]), np.array([np.nan])) == np.inf


def test_the_majority_is_the_reference() -> None:
    right, wrong = np.array([1.0, 2.0]), np.array([1.0, 3.0])
    distances = compare({"wrong": wrong, "a": right, "b": right + 1e-7}, 1e-4)
    assert distances["wrong"] > 0.3
    assert max(distances["a"], distances["b"]) < 1e-6
    assert compare({}, 1e-4) == {}


# ---- ratios ---------------------------------------------------------------------------------------


def test_a_ratio_is_of_medians_and_its_range_of_rounds() -> None:
    found = row(
        penstock=result(1.0, 2.0, 9.0), torch=result(4.0, 5.0, 3.0), jax=result(8.0, 8.0, 8.0)
    )
    assert best_peer(found, "penstock", "cpu") == "torch"
    assert ratio(found, "penstock", "cpu") == {"ratio": 0.5, "low": 0.25, "high": 3.0}


def test_a_goal_is_judged_by_the_digits_that_are_shown() -> None:
    found = row(1.0, penstock=result(1.004), torch=result(1.0))
    assert table.cells(found)[""] == "reached"
    assert table.cells(row(1.0, penstock=result(1.006), torch=result(1.0)))[""] == "short"
    assert table.cells(row(None, penstock=result(9.0), torch=result(1.0)))[""] == ""


def test_ours_in_another_way_is_no_peer() -> None:
    found = row(penstock=result(2.0), penstock_file=result(1.0), torch=result(3.0))
    assert best_peer(found, "penstock", "cpu") == "torch"


@pytest.mark.parametrize("names", [("penstock",), ("torch",), ()])
def test_there_is_no_ratio_of_one(names: tuple[str, ...]) -> None:
    found = row(**{name: result(1.0) for name in names})
    assert ratio(found, "penstock", "cpu") is None
    assert table.cells(found)["ratio"] == "-"


def test_rounds_fit_a_budget() -> None:
    effort = Effort(rounds=9, least=5, budget=10.0)
    assert [effort.rounds_for(seconds) for seconds in (0.1, 1.5, 100.0)] == [9, 6, 5]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, "1.50 s"),
        (0.0123, "12.3 ms"),
        (0.000456, "456 us"),
        (3e-7, "300 ns"),
        (5e-10, "0.50 ns"),
    ],
)
def test_times_have_three_digits(value: float, text: str) -> None:
    assert table.seconds(value) == text


# ---- workers --------------------------------------------------------------------------------------


def test_a_workload_is_timed_and_a_framework_that_is_missing_is_named(
    environment: Environment,
) -> None:
    # An interpreter that knows no packages has none of the peers.
    bare = environment.logs / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', "utf-8")
    bare.chmod(0o755)
    environment.pythons["torch"] = str(bare)
    settings = Settings(("penstock", "torch"), environment, Effort(2, 2, 0.01))
    found = measure(all_workloads()["small_mlp"], settings)
    assert set(found["results"]) == {"penstock"}
    assert "No module named" in found["failures"]["torch"]
    ours = found["results"]["penstock"]
    assert len(ours["cpu_rounds"]) == 2
    assert 0 < ours["cpu"]["low"] <= ours["cpu"]["median"]
    assert ours["peak"] > 1 << 20


def test_the_others_go_on_when_a_worker_dies(environment: Environment) -> None:
    with Crew(["penstock", "penstock_file"], environment) as crew:
        crew.build("first_answer_of_nothing")
        assert "KeyError" in crew.failures["penstock"]
    with Crew(["penstock", "penstock_file"], environment) as crew:
        crew.ask("pin", cpus=[CPU])
        dying = crew.workers["penstock"].process
        os.kill(dying.pid, signal.SIGKILL)
        dying.wait()
        crew.ask("pin", cpus=[CPU])
        assert set(crew.workers) == {"penstock_file"}
        assert crew.failures == {"penstock": "the worker ended with signal 9"}


def test_a_worker_that_hangs_is_given_up(environment: Environment) -> None:
    worker = Remote("penstock", environment, [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(WorkerError, match="no answer within 0 s"):
        worker.ask("finish", patience=0.2)
    assert worker.process.poll() is not None


def test_ours_gives_the_same_bits_and_takes_the_bytes_that_it_said(
    environment: Environment,
) -> None:
    settings = Settings(("penstock",), environment)
    ours = exact(all_workloads()["small_mlp"], settings)["results"]["penstock"]
    assert ours["same_bits"]
    assert ours["said"] == ours["taken"] > 0


# ---- workloads and the page -----------------------------------------------------------------------


def test_every_workload_has_a_kind_a_title_and_ours() -> None:
    workloads = all_workloads()
    assert {"mnist_cnn", "bert_b8", "resnet50_b1_int8", "dynamic"} <= set(workloads)
    for workload in workloads.values():
        assert len(workload.tags & {*KINDS}) == 1
        assert "penstock" in workload.builders
    assert len({workload.title for workload in workloads.values()}) == len(workloads)


def test_the_page_says_what_the_rows_say(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page.write([row(penstock=result(1.0, 1.0), torch=result(2.0, 2.0))], tmp_path)
    text = (tmp_path / "benchmarks.md").read_text("utf-8")
    assert "| a step | 1.00 s | PyTorch 2.00 s | **0.50** | 0.50 .. 0.50 | 0.75 |" in text
    assert "Of 1 timed rows below, 1 reach their goal" in text
    assert "a step, JAX: the worker ended with signal 9" in text
    assert "$" not in text
    assert "<svg" in (tmp_path / "benchmarks_ratios.svg").read_text("utf-8")


def test_the_newest_row_counts(tmp_path: Path) -> None:
    old, new = row(penstock=result(1.0)), row(penstock=result(2.0))
    path = tmp_path / "rows-1.jsonl"
    path.write_text("\n".join(page.json.dumps(found) for found in (old, new)), "utf-8")
    (found,) = page.newest([path])
    assert sections.times([found]).count("2.00 s") == 1
