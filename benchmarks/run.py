"""The benchmark suite: every workload beside its peers, in turns, and one table of ratios.

    nox -s bench                                   Penstock and what is installed beside it
    nox -s bench -- --peers                        makes an environment for every peer first
    nox -s bench -- mnist_cnn 'chain*' --quick     some workloads, one short pass
    python benchmarks/run.py --python tensorflow=PATH --python torch=PATH

Raw rows go to build/bench/*.jsonl, one line for a workload and mode. `benchmarks/page.py` makes docs/benchmarks.md of
them.
"""

from __future__ import annotations

import argparse
import fcntl
import fnmatch
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from harness import machine, table  # noqa: E402
from harness.candidates import CANDIDATES, FRAMEWORKS, OURS  # noqa: E402
from harness.processes import Environment  # noqa: E402
from harness.steady import Effort, measure  # noqa: E402
from harness.workload import all_workloads  # noqa: E402
from networks.graphs import FOLDER  # noqa: E402


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=["*"], help="names or patterns")
    parser.add_argument("--only", help="candidates, such as penstock,torch,jax")
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


def interpreters(given: list[str]) -> dict[str, str]:
    """Return the Python of every framework: this one, unless it is said."""
    return {
        **dict.fromkeys(FRAMEWORKS, sys.executable),
        **dict(item.split("=", 1) for item in given),
    }


def main() -> None:
    """Run what was asked for."""
    options = arguments()
    chosen = {
        name: workload
        for name, workload in all_workloads().items()
        if any(fnmatch.fnmatch(name, pattern) for pattern in options.workloads)
    }
    if options.list or not chosen:
        for name, workload in all_workloads().items():
            print(f"{name:<24} {workload.title}")
        return
    candidates = options.only.split(",") if options.only else list(CANDIDATES)
    cpu = options.cpu if options.cpu is not None else max(os.sched_getaffinity(0))
    out = Path(options.out)
    environment = Environment(interpreters(options.python), out / "logs", 1, (cpu,))
    effort = Effort(3, 0.1, 5.0) if options.quick else Effort()
    if options.rounds:
        effort = Effort(options.rounds, effort.seconds_per_round, 1e9)
    os.environ[FOLDER] = str(out / "graphs")
    rows = []
    with (out_file(out)).open("a") as file:
        for name, workload in chosen.items():
            began = time.monotonic()
            workload.prepare()
            row = {
                "mode": "steady",
                "workload": name,
                "title": workload.title,
                "goal": workload.goal,
                "clock": "cpu",
                **measure(workload, candidates, environment, effort, lock(options.lock)),
                "machine": machine.describe(),
                "took": round(time.monotonic() - began, 1),
            }
            file.write(json.dumps(row) + "\n")
            file.flush()
            rows.append(row)
            print(" | ".join(table.cells(row).values()), f"({row['took']} s)", flush=True)
            if options.verbose or OURS not in row["results"]:
                print("   ", table.others(row), flush=True)
    table.show(rows)


def out_file(folder: Path) -> Path:
    """Return the file of this run's rows."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / time.strftime("rows-%Y%m%d-%H%M%S.jsonl")


if __name__ == "__main__":
    main()
