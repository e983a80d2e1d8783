"""Workers of one workload, one for each candidate; whoever fails is dropped, and the reason kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from harness.processes import Environment, Remote, WorkerError

Step = Callable[[str, Remote], dict[str, Any]]


class Crew:
    """Processes, what they found, and why some are gone.

    Args:
        names: The candidates.
        environment: Interpreters, threads and CPUs.
        start: Makes a worker.
    """

    def __init__(
        self,
        names: Iterable[str],
        environment: Environment,
        start: Callable[[str, Environment], Remote] = Remote,
    ) -> None:
        self.workers = {name: start(name, environment) for name in names}
        self.results: dict[str, dict[str, Any]] = {name: {} for name in self.workers}
        self.failures: dict[str, str] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.close()

    def each(self, step: Step) -> None:
        """Do something with every worker in turn, and keep what it returns."""
        for name, worker in list(self.workers.items()):
            try:
                self.results[name].update(step(name, worker))
            except WorkerError as error:
                self.failures[name] = str(error)
                self.workers.pop(name).close()
                del self.results[name]

    def ask(self, do: str, **arguments: Any) -> None:
        """Give every worker a command in turn."""
        self.each(lambda _, worker: worker.ask(do, **arguments))

    def ask_together(self, do: str, **arguments: Any) -> None:
        """Give every worker a command at once; for preparation, which nobody times."""

        def send(_: str, worker: Remote) -> dict[str, Any]:
            worker.send(do, **arguments)
            return {}

        self.each(send)
        self.each(lambda _, worker: worker.receive())

    def build(self, workload: str) -> None:
        """Import frameworks and make the workload ready in all of them."""

        def send(name: str, worker: Remote) -> dict[str, Any]:
            worker.send("build", workload=workload, candidate=name)
            return {}

        self.each(send)
        self.each(lambda _, worker: worker.receive())
