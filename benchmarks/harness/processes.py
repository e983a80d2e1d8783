"""The parent's side of a worker: starts it in its framework's environment, talks to it, notices when it dies."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.candidates import CANDIDATES
from harness.frameworks import variables

CPUS = "BENCHMARK_CPUS"
SCRIPT = Path(__file__).with_name("worker.py")


class WorkerError(Exception):
    """The worker died, said that something failed, or took too long."""


@dataclass(frozen=True)
class Environment:
    """Where frameworks live, and how many threads and which CPUs their processes get."""

    pythons: dict[str, str]
    logs: Path
    threads: int = 1
    cpus: tuple[int, ...] = (0,)
    variables: dict[str, str] = field(default_factory=dict)


class Remote:
    """A worker process."""

    def __init__(
        self, candidate: str, environment: Environment, command: list[str] | None = None
    ) -> None:
        self.candidate = candidate
        framework = CANDIDATES[candidate].framework
        settings = {
            **os.environ,
            **variables(environment.threads),
            **environment.variables,
            CPUS: ",".join(map(str, _first_cpus(candidate, environment))),
        }
        if framework != "penstock":
            settings.pop("PYTHONPATH", None)
        environment.logs.mkdir(parents=True, exist_ok=True)
        self.log = environment.logs / f"{candidate}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command or [environment.pythons[framework], str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=settings,
                bufsize=0,  # nothing is left to write when a dead worker's pipe is closed
            )
        self._unread = b""

    def send(self, do: str, **arguments: Any) -> None:
        """Give a command; `receive` waits for what comes back."""
        try:
            self.process.stdin.write((json.dumps({"do": do, **arguments}) + "\n").encode())
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise WorkerError(self._how_it_ended()) from error

    def receive(self, seconds: float = 300.0) -> dict[str, Any]:
        """Wait for the reply to the last command."""
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                left = end - time.monotonic()
                if left <= 0 or not selector.select(left):
                    self.close()
                    raise WorkerError(f"no answer within {seconds:.0f} s")
                more = os.read(self.process.stdout.fileno(), 1 << 16)
                if not more:
                    raise WorkerError(self._how_it_ended())
                self._unread += more
        line, self._unread = self._unread.split(b"\n", 1)
        reply = json.loads(line)
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply

    def ask(self, do: str, patience: float = 300.0, **arguments: Any) -> dict[str, Any]:
        """Give a command and wait for the reply."""
        self.send(do, **arguments)
        return self.receive(patience)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _how_it_ended(self) -> str:
        code = self.process.wait(10)
        return f"the worker ended with {'signal' if code < 0 else 'status'} {abs(code)}"


def _first_cpus(candidate: str, environment: Environment) -> list[int]:
    """Return where a process begins; how many it sees there is how many threads some libraries make."""
    if len(environment.cpus) > 1:
        return list(environment.cpus)
    # Nothing is timed yet, so that the candidates may share all there are.
    every = sorted(os.sched_getaffinity(0))
    return [every[list(CANDIDATES).index(candidate) % len(every)]]
