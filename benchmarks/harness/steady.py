"""Times one workload in all its candidates: builds, compares answers, then rounds in turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.agreement import compare
from harness.processes import Environment, Remote, WorkerError
from harness.samples import spread
from harness.workload import Workload


@dataclass(frozen=True)
class Effort:
    """How long to look."""

    rounds: int = 7
    seconds_per_round: float = 0.25
    budget: float = 30.0

    def rounds_for(self, seconds_of_one: float) -> int:
        """Return how many rounds fit into the budget, but at least 5 (or all that were asked for)."""
        return max(min(5, self.rounds), min(self.rounds, int(self.budget / seconds_of_one)))


Exclusive = Callable[[], AbstractContextManager[Any]]


def measure(
    workload: Workload,
    candidates: Iterable[str],
    environment: Environment,
    effort: Effort,
    exclusive: Exclusive = nullcontext,
    start: Callable[[str, Environment], Remote] = Remote,
) -> dict[str, Any]:
    """Time a workload and return a row: results by candidate, and why others have none.

    Args:
        workload: What to run.
        candidates: Where; those that have no builder are left out.
        environment: Interpreters, threads, CPUs.
        effort: How many rounds.
        exclusive: Makes the context in which times are taken.
        start: Makes a worker.
    """
    results: dict[str, dict[str, Any]] = {}
    failures: dict[str, str] = {}
    workers: dict[str, Remote] = {}

    def everywhere(step: Callable[[str, Remote], dict[str, Any]]) -> None:
        for name, worker in list(workers.items()):
            try:
                results.setdefault(name, {}).update(step(name, worker))
            except WorkerError as error:
                failures[name] = str(error)
                workers.pop(name).close()

    def everywhere_at_once(do: str, seconds: float, **arguments: Any) -> None:
        def send(name: str, worker: Remote) -> dict[str, Any]:
            worker.send(do, **arguments)
            return {}

        everywhere(send)
        everywhere(lambda name, worker: worker.receive(seconds))

    try:
        for name in candidates:
            if name in workload.builders:
                workers[name] = start(name, environment)

        def build(name: str, worker: Remote) -> dict[str, Any]:
            worker.send("build", workload=workload.name, candidate=name)
            return {}

        everywhere(build)
        everywhere(lambda name, worker: worker.receive(300))
        _check(workload, workers, everywhere, failures)
        with exclusive():
            everywhere_at_once("pin", 10, cpus=list(environment.cpus))
            seconds = effort.seconds_per_round
            everywhere(lambda name, worker: worker.ask("calibrate", seconds=seconds))
            for clock in ("cpu", "wall"):
                for name in workers:
                    results[name][f"{clock}_rounds"] = []
            whole = sum(results[n]["count"] * results[n]["seconds"] for n in workers)
            for _ in range(effort.rounds_for(whole or 1.0)):

                def turn(name: str, worker: Remote) -> dict[str, Any]:
                    times = worker.ask("round", count=results[name]["count"])
                    for clock in ("cpu", "wall"):
                        results[name][f"{clock}_rounds"].append(times[clock])
                    return {}

                everywhere(turn)
        everywhere(lambda name, worker: worker.ask("finish"))
    finally:
        for worker in workers.values():
            worker.close()
    for name in workers:
        for clock in ("cpu", "wall"):
            results[name][clock] = spread(results[name][f"{clock}_rounds"])
    return {
        "results": {name: results[name] for name in workers},
        "failures": failures,
    }


def _check(
    workload: Workload,
    workers: dict[str, Remote],
    everywhere: Callable[..., None],
    failures: dict[str, str],
) -> None:
    """Compare what the first calls gave; who differs is not timed."""
    answers: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:

        def get(name: str, worker: Remote) -> dict[str, Any]:
            path = Path(folder) / f"{name}.npy"
            worker.ask("answer", path=str(path), calls=workload.answers)
            answers[name] = np.load(path)
            path.unlink()
            return {}

        everywhere(get)
    distances = compare(answers, workload.tolerance)

    def judge(name: str, worker: Remote) -> dict[str, Any]:
        if distances[name] > workload.tolerance:
            raise WorkerError(f"its answer is {distances[name]:.1e} away from the others'")
        return {"distance": distances[name]}

    everywhere(judge)
