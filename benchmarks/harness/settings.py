"""What a run was asked to do, as every mode takes it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from harness.processes import Environment


@dataclass(frozen=True)
class Effort:
    """How long to look.

    Attributes:
        rounds: How often each candidate gets its turn, at most.
        least: How often at least.
        seconds: Roughly how long a turn lasts.
        budget: How many seconds the turns of one workload may take together, if `least` allows it.
    """

    rounds: int = 9
    least: int = 5
    seconds: float = 0.2
    budget: float = 25.0

    def rounds_for(self, turn_of_all: float) -> int:
        """Return how many rounds to take when one of all candidates lasts so many seconds."""
        return max(self.least, min(self.rounds, int(self.budget / turn_of_all)))


@dataclass(frozen=True)
class Settings:
    """What every mode takes.

    Attributes:
        candidates: Who takes part.
        environment: Interpreters, threads and CPUs.
        effort: How long to look.
        exclusive: Makes the context in which times are taken.
    """

    candidates: tuple[str, ...]
    environment: Environment
    effort: Effort = Effort()
    exclusive: Callable[[], AbstractContextManager[Any]] = nullcontext

    def on(self, cpus: tuple[int, ...], **variables: str) -> Settings:
        """Return the same on other CPUs, with a thread for each."""
        environment = replace(self.environment, cpus=cpus, threads=len(cpus), variables=variables)
        return replace(self, environment=environment)
