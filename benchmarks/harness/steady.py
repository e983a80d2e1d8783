"""Times a workload in all its candidates: makes it ready, compares answers, then takes rounds in turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness.agreement import compare
from harness.crew import Crew
from harness.processes import Environment, Remote, WorkerError
from harness.samples import CLOCKS, spread
from harness.settings import Effort, Settings
from harness.workload import Workload

# Who takes so many times as long as the fastest has two turns only: they cost time and change nothing.
FAR_BEHIND = 3.0


def measure(
    workload: Workload,
    settings: Settings,
    start: Callable[[str, Environment], Remote] = Remote,
) -> dict[str, Any]:
    """Time a workload.

    Args:
        workload: What to run; candidates that have no builder are left out.
        settings: How.
        start: Makes a worker.

    Returns:
        "results" by candidate, and "failures": why others have none.
    """
    names = [name for name in settings.candidates if name in workload.builders]
    with Crew(names, settings.environment, start) as crew:
        crew.build(workload.name)
        crew.ask_together("first_call")
        check(crew, workload)
        with settings.exclusive():
            crew.ask("pin", cpus=list(settings.environment.cpus))
            take_rounds(crew, settings.effort)
        crew.ask("finish")
        return {"results": crew.results, "failures": crew.failures}


def take_rounds(crew: Crew, effort: Effort) -> None:
    """Give every worker its turn, again and again, and keep the times of all rounds and their spread."""
    crew.ask("calibrate", seconds=effort.seconds)
    for result in crew.results.values():
        result.update({f"{clock}_rounds": [] for clock in CLOCKS})
    seconds = {name: result["seconds"] for name, result in crew.results.items()}
    far_behind = {name for name in seconds if seconds[name] > FAR_BEHIND * min(seconds.values())}
    turn_of_all = sum(crew.results[n]["count"] * seconds[n] for n in seconds if n not in far_behind)

    def turn(name: str, worker: Remote) -> dict[str, Any]:
        if name in far_behind and len(crew.results[name]["cpu_rounds"]) == 2:
            return {}
        times = worker.ask("round", count=crew.results[name]["count"])
        for clock in CLOCKS:
            crew.results[name][f"{clock}_rounds"].append(times[clock])
        return {}

    for _ in range(effort.rounds_for(turn_of_all or 1.0)):
        crew.each(turn)
    for result in crew.results.values():
        result.update({clock: spread(result[f"{clock}_rounds"]) for clock in CLOCKS})


def check(crew: Crew, workload: Workload) -> None:
    """Compare what the first calls gave; who differs is not timed."""
    answers: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:

        def get(name: str, worker: Remote) -> dict[str, Any]:
            answers[name] = answer_of(worker, workload, Path(folder) / f"{name}.npy")
            return {}

        crew.each(get)
    distances = compare(answers, workload.tolerance)

    def judge(name: str, _: Remote) -> dict[str, Any]:
        if distances[name] > workload.tolerance:
            raise WorkerError(f"its answer is {distances[name]:.1e} away from the others'")
        return {"distance": distances[name]}

    crew.each(judge)


def answer_of(worker: Remote, workload: Workload, path: Path) -> np.ndarray:
    """Return what a worker's first calls gave."""
    worker.ask("answer", path=str(path), calls=workload.answers)
    found: np.ndarray = np.load(path)
    path.unlink()
    return found
