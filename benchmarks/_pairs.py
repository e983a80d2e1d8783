"""Times candidates against each other: interleaved rounds in one run, one pinned thread, process CPU time.

CPU time leaves out what other processes do to the clock; interleaving lets slow spells hit every candidate alike.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

Body = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Seconds per call: the median over rounds, and the least and the most."""

    median: float
    low: float
    high: float


def pin_to_one_core() -> None:
    """Use one core and one thread; call it before importing any framework."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for name in (
        "PENSTOCK_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
    ):
        os.environ[name] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def compare(
    bodies: dict[str, Body],
    rounds: int = 15,
    seconds_per_round: float = 0.05,
    clock: Callable[[], int] = time.process_time_ns,
) -> dict[str, Timing]:
    """Time every body in turn, again and again.

    Args:
        bodies: What to time, by name.
        rounds: How often each gets its turn.
        seconds_per_round: Roughly how long a turn lasts.
        clock: What counts, in nanoseconds.

    Returns:
        The timing of each.
    """
    counts = {name: _calibrate(body, seconds_per_round, clock) for name, body in bodies.items()}
    samples: dict[str, list[float]] = {name: [] for name in bodies}
    for _ in range(rounds):
        for name, body in bodies.items():
            samples[name].append(_time(body, counts[name], clock))
    return {n: Timing(statistics.median(s), min(s), max(s)) for n, s in samples.items()}


def _calibrate(body: Body, seconds: float, clock: Callable[[], int]) -> int:
    for _ in range(3):
        body()
    count = 1
    while (spent := _time(body, count, clock) * count) < seconds / 4 and count < 1 << 22:
        count *= 4
    return max(1, int(count * seconds / max(spent, 1e-9)))


def _time(body: Body, count: int, clock: Callable[[], int]) -> float:
    start = clock()
    for _ in range(count):
        body()
    return (clock() - start) / count / 1e9


def report(title: str, timings: dict[str, Timing], unit: str = "us") -> None:
    """Print a table, with every candidate as a ratio to the first; as JSON with `--json`."""
    scale = {"ns": 1e9, "us": 1e6, "ms": 1e3}[unit]
    if "--json" in sys.argv:
        rows = {n: [t.median * scale, t.low * scale, t.high * scale] for n, t in timings.items()}
        print(json.dumps({"title": title, "unit": unit, "median_low_high": rows}))
        return
    first = next(iter(timings.values())).median
    print(title)
    for name, t in timings.items():
        print(
            f"  {name:<28} {t.median * scale:10.3f} {unit}  [{t.low * scale:.3f} .. {t.high * scale:.3f}]"
            f"  {t.median / first:6.2f}x"
        )
