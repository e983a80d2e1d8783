"""The benchmark suite: every workload beside its peers, in turns, and one table of ratios.

    nox -s bench                                   Penstock and what is installed beside it
    nox -s bench -- --peers                        makes an environment for every peer first
    nox -s bench -- mnist_cnn 'chain*' --quick     some workloads, one short pass
    nox -s bench -- --modes all                    everything: docs/benchmarks.md lists the modes
    python benchmarks/run.py --python tensorflow=PATH --python torch=PATH

Raw rows go to build/bench/rows-*.jsonl, one line for a workload and mode. `benchmarks/page.py` makes
docs/benchmarks.md of them.
"""

from __future__ import annotations

import argparse
import fcntl
import fnmatch
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from harness import environments, machine, modes, plots, table  # noqa: E402
from harness.candidates import CANDIDATES, FRAMEWORKS  # noqa: E402
from harness.imports import imports  # noqa: E402
from harness.processes import Environment  # noqa: E402
from harness.settings import Effort, Settings  # noqa: E402
from harness.workload import KINDS, Workload, all_workloads  # noqa: E402
from networks.graphs import FOLDER  # noqa: E402

TIMED = frozenset(KINDS[: KINDS.index("first")])
# By name: what it does with a workload, and the kinds or tags of workloads that it takes.
MODES: dict[str, tuple[Callable[[Workload, Settings], dict[str, Any]], frozenset[str]]] = {
    "steady": (modes.steady, TIMED),
    "first": (modes.first, frozenset({"first"})),
    "dynamic": (modes.dynamic, frozenset({"dynamic"})),
    "busy": (modes.busy, frozenset({"busy"})),
    "threads": (modes.two_threads, frozenset({"threads"})),
    "exact": (modes.exact, TIMED),
    "sweep": (modes.sweep, frozenset({"sweep"})),
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", help="names or patterns; all but long ones")
    parser.add_argument(
        "--modes", default="steady", help="all, or some of: imports," + ",".join(MODES)
    )
    parser.add_argument("--only", help="candidates, such as penstock,torch,jax")
    parser.add_argument("--peers", action="store_true", help="make an environment for every peer")
    parser.add_argument("--python", action="append", default=[], metavar="FRAMEWORK=PATH")
    parser.add_argument("--quick", action="store_true", help="one short pass")
    parser.add_argument("--rounds", type=int, help="how often each gets its turn")
    parser.add_argument("--cpu", type=int, help="the CPU to use; the last one by default")
    parser.add_argument("--lock", help="a file to lock while times are taken")
    parser.add_argument("--out", default=str(ROOT / "build" / "bench"), help="a folder for rows")
    parser.add_argument("--verbose", action="store_true", help="what every candidate took")
    parser.add_argument("--list", action="store_true", help="name the workloads and stop")
    return parser.parse_args()


def lock(path: str | None) -> Any:
    """Return what makes a context in which this run alone measures."""

    @contextmanager
    def locked() -> Iterator[None]:
        with Path(str(path)).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    return locked if path else nullcontext


def settings_of(options: argparse.Namespace, out: Path) -> tuple[Settings, dict[str, str]]:
    """Return how to measure, and which frameworks could not be installed and why."""
    pythons = dict.fromkeys(FRAMEWORKS, sys.executable)
    missing: dict[str, str] = {}
    if options.peers:
        made, missing = environments.make(out / "environments")
        pythons |= made
    pythons |= dict(item.split("=", 1) for item in options.python)
    wanted = options.only.split(",") if options.only else list(CANDIDATES)
    there = tuple(name for name in wanted if CANDIDATES[name].framework not in missing)
    cpu = options.cpu if options.cpu is not None else max(os.sched_getaffinity(0))
    effort = Effort(3, 2, 0.1, 4.0) if options.quick else Effort()
    if options.rounds:
        effort = Effort(options.rounds, options.rounds, effort.seconds)
    environment = Environment(pythons, out / "logs", 1, (cpu,))
    return Settings(there, environment, effort, lock(options.lock)), missing


def chosen(
    options: argparse.Namespace, names: list[str]
) -> Iterator[tuple[str, Callable[[Workload, Settings], dict[str, Any]], Workload]]:
    """Go through modes and workloads that were asked for."""
    for name in names:
        function, tags = MODES[name]
        for workload in all_workloads().values():
            if options.workloads:
                wanted = any(fnmatch.fnmatch(workload.name, p) for p in options.workloads)
            else:
                wanted = options.modes == "all" or "long" not in workload.tags
            if wanted and tags & workload.tags:
                yield name, function, workload


def prepare(workload: Workload) -> str:
    """Write a workload's files; if that fails say why, and those who need them will fail by themselves."""
    try:
        workload.prepare()
    except (ImportError, OSError, subprocess.CalledProcessError) as error:
        print(f"    {workload.name} could not be prepared: {error}", flush=True)
        return str(error)
    return ""


def main() -> None:
    """Run what was asked for."""
    options = arguments()
    if options.list:
        for name, workload in all_workloads().items():
            print(f"{name:<24} {workload.title}")
        return
    names = ["imports", *MODES] if options.modes == "all" else options.modes.split(",")
    out = Path(options.out)
    os.environ[FOLDER] = str(out / "graphs")
    settings, missing = settings_of(options, out)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with (out / time.strftime("rows-%Y%m%d-%H%M%S.jsonl")).open("a") as file:

        def keep(row: dict[str, Any], began: float) -> None:
            row |= {"machine": machine.describe(), "took": round(time.monotonic() - began, 1)}
            row["missing"] = missing
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
            print(table.line(row), f"({row['took']} s)", flush=True)
            if options.verbose:
                print(f"    {table.everyone(row)}", flush=True)

        if "imports" in names:
            began = time.monotonic()
            row = {"mode": "imports", "workload": "imports", "title": "import", "goal": None}
            keep({**row, **imports(settings, [f for f in FRAMEWORKS if f not in missing])}, began)
        for mode, function, workload in chosen(options, [n for n in names if n != "imports"]):
            began = time.monotonic()
            row = {"mode": mode, "workload": workload.name, "title": workload.title}
            row |= {"goal": workload.goal, "unprepared": prepare(workload)}
            keep({**row, **function(workload, settings)}, began)
    plots.draw(
        [r for r in rows if r["mode"] == "steady"], [r for r in rows if r["mode"] == "sweep"], out
    )
    table.show([row for row in rows if row["clock"] in ("cpu", "wall") and row["results"]])


if __name__ == "__main__":
    main()
