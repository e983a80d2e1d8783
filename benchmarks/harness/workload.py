"""What a workload is, and where they are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Ready:
    """A workload made ready in one framework.

    Attributes:
        body: Does the work once, and returns when it is done.
        answer: Makes an array of what the body returned, for comparison with others.
        memory: Says how many bytes one run will take; ours only.
    """

    body: Callable[[], Any]
    answer: Callable[[Any], np.ndarray] = np.asarray
    memory: Callable[[], int] | None = None


# What kinds of workloads there are, in the order of the table.
KINDS = (
    "eager",
    "call",
    "chain",
    "matmul",
    "training",
    "inference",
    "precision",
    "first",
    "dynamic",
    "sweep",
)


@dataclass(frozen=True)
class Workload:
    """One line of the table.

    Attributes:
        name: For the command line and the rows.
        title: For people.
        builders: By candidate, what makes the workload ready there.
        goal: The ratio to the best peer that we want to reach; None for no goal.
        tolerance: How far answers may be apart, as a part of the largest number in them.
        answers: How many calls the compared answer is made of; training steps need a few.
        tags: Its kind, and modes in which it takes part besides: "threads", "busy"; "long" if it takes minutes.
        prepare: Writes the files that builders read; the parent calls it.
        draw: Makes arrays that builders take, and keeps them; called before building is timed.
        points: For sweeps, the points; builders then return what makes a point ready.
    """

    name: str
    title: str
    builders: Mapping[str, Callable[[], Any]]
    goal: float | None = None
    tolerance: float = 1e-4
    answers: int = 1
    tags: frozenset[str] = field(default_factory=frozenset)
    prepare: Callable[[], None] = lambda: None
    draw: Callable[[], object] = lambda: None
    points: tuple[float, ...] = ()


def all_workloads() -> dict[str, Workload]:
    """Import every file of workloads/ and return what they offer, by name, in their order."""
    import workloads

    found: list[Workload] = []
    for module in sorted(m.name for m in pkgutil.iter_modules(workloads.__path__)):
        if not module.startswith("_"):
            found += importlib.import_module(f"workloads.{module}").WORKLOADS
    return {
        w.name: w for w in sorted(found, key=lambda w: min(map(KINDS.index, w.tags & {*KINDS})))
    }
