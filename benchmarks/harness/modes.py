"""Ways to look at workloads beside steady rounds; each returns results by candidate."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from harness.candidates import OURS
from harness.crew import Crew
from harness.processes import Remote
from harness.samples import CLOCKS, spread
from harness.settings import Settings
from harness.steady import answer_of, check, measure, take_rounds
from harness.workload import Workload


def steady(workload: Workload, settings: Settings) -> dict[str, Any]:
    """One pinned thread: its CPU time."""
    return {"clock": "cpu", **measure(workload, settings)}


def two_threads(workload: Workload, settings: Settings) -> dict[str, Any]:
    """Two threads on two CPUs: wall time."""
    return {"clock": "wall", **measure(workload, settings.on(two_cpus()))}


def busy(workload: Workload, settings: Settings) -> dict[str, Any]:
    """Two threads on two CPUs, of which another process keeps one busy: wall time."""
    cpus = two_cpus()
    with busy_process(cpus[0]):
        return {"clock": "wall", **measure(workload, settings.on(cpus))}


def two_cpus() -> tuple[int, ...]:
    """Return the first two CPUs that this process may use."""
    return tuple(sorted(os.sched_getaffinity(0))[:2])


@contextmanager
def busy_process(cpu: int) -> Iterator[None]:
    """Keep a CPU busy meanwhile."""
    code = (
        f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nwhile os.getppid() == {os.getpid()}: pass"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def first(workload: Workload, settings: Settings) -> dict[str, Any]:
    """Fresh processes, from the framework's import to the first answer, again and again in turns."""
    # What a compiler kept from an earlier run is no first answer.
    settings = settings.on(settings.environment.cpus, TORCHINDUCTOR_FORCE_DISABLE_CACHES="1")
    names = [name for name in settings.candidates if name in workload.builders]
    samples: dict[str, dict[str, list[float]]] = {n: {c: [] for c in CLOCKS} for n in names}
    peaks: dict[str, int] = {}
    failures: dict[str, str] = {}
    for round_ in range(settings.effort.least):
        for name in [n for n in names if n not in failures]:
            if round_ and settings.effort.budget < sum(samples[name]["wall"]):
                continue  # slow ones have fewer rounds, which are recorded
            with Crew([name], settings.environment) as crew, settings.exclusive():
                crew.ask("pin", cpus=list(settings.environment.cpus))
                crew.build(workload.name)
                crew.ask("first_call")
                crew.ask("finish")
            failures |= crew.failures
            for result in crew.results.values():
                for clock in CLOCKS:
                    both = result["building"][clock] + result["calling"][clock]
                    samples[name][clock].append(both)
                peaks[name] = result["peak"]
    results = {
        name: {
            **{clock: spread(times[clock]) for clock in CLOCKS},
            **{f"{clock}_rounds": times[clock] for clock in CLOCKS},
            "peak": peaks[name],
        }
        for name, times in samples.items()
        if times["cpu"] and name not in failures
    }
    return {"clock": "cpu", "results": results, "failures": failures}


def dynamic(workload: Workload, settings: Settings) -> dict[str, Any]:
    """Let every candidate go through all sizes by itself."""
    results: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for name in settings.candidates:
        if name in workload.builders:
            with Crew([name], settings.environment) as crew:
                crew.build(workload.name)
                with settings.exclusive():
                    crew.ask("pin", cpus=list(settings.environment.cpus))
                    crew.ask("run")
                crew.ask("finish")
            results |= crew.results
            failures |= crew.failures
    return {"clock": "ratio", "results": results, "failures": failures}


def sweep(workload: Workload, settings: Settings) -> dict[str, Any]:
    """Time every point of a sweep, with the same processes."""
    names = [name for name in settings.candidates if name in workload.builders]
    points = []
    with Crew(names, settings.environment) as crew:
        crew.build(workload.name)
        crew.ask("pin", cpus=list(settings.environment.cpus))
        for point in workload.points:
            crew.ask("point", point=point)
            check(crew, workload)
            with settings.exclusive():
                take_rounds(crew, settings.effort)
            times = {name: result["cpu"] for name, result in crew.results.items()}
            points.append({"point": point, "cpu": times})
        return {"clock": "cpu", "points": points, "results": {}, "failures": crew.failures}


def exact(workload: Workload, settings: Settings) -> dict[str, Any]:
    """Ours only: the same bits at one thread and two, and as many bytes as the plan says."""
    cpus = two_cpus()
    found: dict[str, Any] = {}
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, 2):
            environment = settings.on(cpus[:count]).environment
            with Crew([OURS], environment) as crew:
                crew.build(workload.name)
                crew.ask("check_memory" if count == 1 else "first_call")

                def get(_: str, worker: Remote) -> dict[str, Any]:
                    answers.append(answer_of(worker, workload, Path(folder) / "answer.npy"))
                    return {}

                crew.each(get)
            if crew.failures:
                return {"clock": "bits", "results": {}, "failures": crew.failures}
            found |= crew.results[OURS]
    same = bool(np.array_equal(answers[0].view(np.uint8), answers[1].view(np.uint8)))
    kept = {"same_bits": same, "said": found.get("said"), "taken": found.get("taken")}
    return {"clock": "bits", "results": {OURS: kept}, "failures": {}}
