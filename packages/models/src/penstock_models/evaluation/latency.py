"""How long an answer takes on this computer."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError

WARM_UP = 3


@dataclass(frozen=True)
class Latency:
    """How long one answer takes.

    Args:
        p50: Half of the answers took no longer, in milliseconds.
        p95: 95 of 100 took no longer.
        runs: How many answers were timed.
    """

    p50: float
    p95: float
    runs: int


def measure_latency(answer: Callable[[], Any], seconds: float = 1.0, most: int = 200) -> Latency:
    """Time a function again and again.

    Args:
        answer: A function that makes one answer, and has it when it returns.
        seconds: About how long to measure.
        most: The number of answers that is enough.

    Returns:
        The times.

    Raises:
        ValueError: There is no time to measure in.
    """
    if seconds <= 0 or most < 1:
        raise InvalidValueError(
            f"[measure_latency] got {seconds} seconds and at most {most} answers; give both above 0"
        )
    for _ in range(WARM_UP):
        answer()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or (len(times) < most and time.perf_counter() < end):
        begin = time.perf_counter()
        answer()
        times.append(time.perf_counter() - begin)
    p50, p95 = np.quantile(np.array(times) * 1e3, (0.5, 0.95))
    return Latency(float(p50), float(p95), len(times))


def this_computer() -> str:
    """Name this computer's processor and how many cores this process may use.

    Raises:
        ValueError: Never here.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores"


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
