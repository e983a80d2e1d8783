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
        facts: Makes numbers about the workload that only this framework knows.
    """

    body: Callable[[], Any]
    answer: Callable[[Any], np.ndarray] = np.asarray
    facts: Callable[[], dict[str, Any]] = dict


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
        tags: Modes and groups in which it takes part.
        prepare: Writes the files that builders read; the parent calls it.
    """

    name: str
    title: str
    builders: Mapping[str, Callable[[], Ready]]
    goal: float | None = None
    tolerance: float = 1e-4
    answers: int = 1
    tags: frozenset[str] = field(default_factory=frozenset)
    prepare: Callable[[], None] = lambda: None


def all_workloads() -> dict[str, Workload]:
    """Import every file of workloads/ and return what they offer, by name, in their order."""
    import workloads

    found = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(workloads.__path__)):
        if not module.startswith("_"):
            for workload in importlib.import_module(f"workloads.{module}").WORKLOADS:
                found[workload.name] = workload
    order = ["eager", "call", "chain", "matmul", "training", "inference", "precision"]
    rank = {tag: i for i, tag in enumerate(order)}
    return dict(
        sorted(
            found.items(), key=lambda item: min((rank.get(t, 99) for t in item[1].tags), default=99)
        )
    )
