"""The process of one candidate: makes a workload ready and runs it when told to; JSON lines in and out.

    python harness/worker.py

It is run by the interpreter of the framework's own environment, and imports nothing else but NumPy.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.remove(str(Path(__file__).resolve().parent))


class Worker:
    """Carries out one command after the other; a method for each."""

    def __init__(self) -> None:
        self.ready: Any = None
        self.peak_of_building = 0

    def build(self, workload: str, candidate: str) -> dict[str, Any]:
        """Import the framework and make the workload ready."""
        from harness.candidates import CANDIDATES
        from harness.frameworks import load
        from harness.workload import all_workloads

        framework = CANDIDATES[candidate].framework
        module, importing = _timed(lambda: load(framework))
        after_import = memory()["rss"]
        chosen = all_workloads()[workload]
        chosen.draw()
        self.ready, building = _timed(chosen.builders[candidate])
        return {
            "version": getattr(module, "__version__", "?"),
            "importing": importing,
            "rss_after_import": after_import,
            "building": building,
        }

    def first_call(self) -> dict[str, Any]:
        """Call once, and keep what came."""
        self.first, calling = _timed(self.ready.body)
        return {"calling": calling}

    def check_memory(self) -> dict[str, Any]:
        """Compare what Penstock says that a run takes with its allocator's counters, at the first run."""
        from penstock import _native

        said = self.ready.memory() if self.ready.memory else None
        gc.collect()
        before = _native.memory_stats()["live_bytes"]
        _native.reset_memory_peak()
        self.first = self.ready.body()
        return {"said": said, "taken": _native.memory_stats()["peak_bytes"] - before}

    def point(self, point: float) -> dict[str, Any]:
        """Make one point of a sweep ready; what `build` made was all of them."""
        self.sweep = getattr(self, "sweep", self.ready)
        self.ready = self.sweep(point)
        self.first = self.ready.body()
        return {}

    def run(self) -> dict[str, Any]:
        """Let a workload that measures itself do so, and return what it found."""
        return dict(self.ready.body())

    def answer(self, path: str, calls: int) -> dict[str, Any]:
        """Write what the first calls gave; that of `first_call` is among them."""
        import numpy as np

        found = [np.array(self.ready.answer(self.first))]
        self.first = None
        found += [np.array(self.ready.answer(self.ready.body())) for _ in range(calls - 1)]
        np.save(path, np.stack(found))
        return {}

    def calibrate(self, seconds: float) -> dict[str, Any]:
        """Find how many calls last about so long."""
        count = 1
        if self.round(1)["wall"] < seconds:  # else it is warm: its answers were asked for
            self.round(1)
        while (spent := self.round(count)["wall"] * count) < seconds / 4:
            count *= 4
        each = spent / count
        self.peak_of_building = memory()["peak"]
        reset_peak()
        return {"count": max(1, round(seconds / each)), "seconds": each}

    def round(self, count: int) -> dict[str, Any]:
        """Time a burst of calls; seconds for one."""
        body = self.ready.body
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        for _ in range(count):
            body()
        wall = time.perf_counter_ns() - wall
        cpu = time.process_time_ns() - cpu
        return {"cpu": cpu / count / 1e9, "wall": wall / count / 1e9}

    def pin(self, cpus: list[int]) -> dict[str, Any]:
        """Move every thread of this process to these CPUs."""
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), cpus)
        return {}

    def finish(self) -> dict[str, Any]:
        """Tell what was used, before the process ends."""
        return {**memory(), "peak_of_building": self.peak_of_building}


def memory() -> dict[str, int]:
    """Read what this process holds, and the most that it held since `reset_peak`, in bytes."""
    text = Path("/proc/self/status").read_text()
    lines = dict(line.split(":", 1) for line in text.splitlines())
    return {
        name: int(lines[key].split()[0]) * 1024
        for name, key in (("rss", "VmRSS"), ("peak", "VmHWM"))
    }


def reset_peak() -> None:
    """Begin to look for the peak anew, so that it is that of the work and not of its preparation."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _timed(call: Any) -> tuple[Any, dict[str, float]]:
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    return result, {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def main() -> None:
    """Answer every line with a line; whatever a framework prints goes to the log."""
    if "BENCHMARK_CPUS" in os.environ:  # before a library counts them
        os.sched_setaffinity(0, map(int, os.environ["BENCHMARK_CPUS"].split(",")))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            reply = getattr(worker, command.pop("do"))(**command)
        except Exception as error:
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        out.write(json.dumps(reply) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
