"""`profile`: what ran, when, for how long, on which shapes; as a table, or as a timeline for Perfetto."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from penstock import _native
from penstock.errors import InvalidValueError
from penstock.safetensors import replacing

Field = Literal["op", "name", "source", "kernel", "kind"]
"""What events can be grouped by."""


@dataclass(frozen=True)
class Event:
    """One thing that ran.

    Args:
        kind: "op" of an eager call, "node" of a graph's step, "run" of a whole graph, "region" of a block that
            `region` named.
        name: The node's, graph's or region's name, or the op's.
        op: The op; "" for runs and regions.
        kernel: Which kernel ran, as "plugin (instruction set)".
        inputs: Dtypes and shapes, as "f32(2, 3), f32(3,)".
        outputs: Likewise.
        source: The line that made the node.
        begin: Seconds since the profile began.
        duration: Seconds.
        thread: The system's number of the thread.
        output_bytes: What the outputs take; of a run, what its intermediate values take together.
        live_bytes: The host memory in use when it ended.
    """

    kind: Literal["op", "node", "run", "region"]
    name: str
    op: str
    kernel: str
    inputs: str
    outputs: str
    source: str
    begin: float
    duration: float
    thread: int
    output_bytes: int
    live_bytes: int


@dataclass(frozen=True)
class Row:
    """What many events have in common.

    Args:
        key: What they were grouped by.
        count: How many there were.
        total: Seconds, without the time of events inside of them.
        share: The part of all rows' time.
        slowest: Seconds of the slowest.
        output_bytes: Of all their outputs.
        kernels: Which kernels ran.
    """

    key: str
    count: int
    total: float
    share: float
    slowest: float
    output_bytes: int
    kernels: tuple[str, ...]


class profile:  # noqa: N801 - read as a function
    """Record what runs in a block, in all threads.

    Every eager op and every step of a graph is timed, which makes small ones slower by a microsecond or two. Profiles may nest.

    >>> import penstock as ps
    >>> f = ps.function(lambda x: ps.sum(x @ x))
    >>> x = ps.ones((8, 8))
    >>> with ps.profile() as p:
    ...     f(x)
    Tensor(512., shape=(), dtype=float32)
    >>> [(event.name, event.inputs) for event in p.events if event.op == "matmul"]
    [('matmul', 'f32(8, 8), f32(8, 8)')]
    >>> p.rows()[0].count
    1
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        """What ran, in the order in which it began; complete when the block has ended."""
        self._threads: dict[int, str] = {}
        self._from = 0
        self._began = 0

    def __enter__(self) -> profile:
        self._began = _native.profile_clock()
        self._from = _native.begin_profile()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads = {t.native_id: t.name for t in threading.enumerate() if t.native_id}
        events = [self._event(*row) for row in _native.end_profile(self._from)]
        self.events = sorted(events, key=lambda event: (event.begin, -event.duration))

    @staticmethod
    @contextmanager
    def region(name: str) -> Iterator[None]:
        """Name a block, such as an epoch, so that profiles show it.

        Args:
            name: What to call it.

        Raises:
            Nothing.
        """
        begin = _native.profile_clock()
        try:
            yield
        finally:
            _native.add_profile_region(name, begin)

    def _event(self, *row: Any) -> Event:
        *names, begin, end, thread, output_bytes, live_bytes = row
        kind, name, op, kernel, inputs, outputs, source = names
        return Event(
            kind=kind,
            name=name,
            op=op,
            kernel=kernel,
            inputs=inputs,
            outputs=outputs,
            source=source,
            begin=(begin - self._began) / 1e9,
            duration=(end - begin) / 1e9,
            thread=thread,
            output_bytes=output_bytes,
            live_bytes=live_bytes,
        )

    def rows(self, by: Field = "op") -> list[Row]:
        """Add up what has something in common, the slowest first.

        Args:
            by: A field of `Event`. By "op", "source" and "kernel" only eager ops and nodes count.

        Returns:
            The rows.

        Raises:
            InvalidValueError: There is no such field.
        """
        if by not in ("op", "name", "source", "kernel", "kind"):
            raise InvalidValueError(
                f"[profile] cannot group by {by!r}; use 'op', 'name', 'source', 'kernel' or 'kind'"
            )
        groups: dict[str, list[tuple[Event, float]]] = {}
        for event, own in zip(self.events, _own_times(self.events), strict=True):
            if event.op or by in ("name", "kind"):
                groups.setdefault(getattr(event, by), []).append((event, own))
        everything = sum(own for group in groups.values() for _, own in group) or 1.0
        made = [
            Row(
                key=key,
                count=len(group),
                total=sum(own for _, own in group),
                share=sum(own for _, own in group) / everything,
                slowest=max(own for _, own in group),
                output_bytes=sum(event.output_bytes for event, _ in group),
                kernels=tuple(dict.fromkeys(e.kernel for e, _ in group if e.kernel)),
            )
            for key, group in groups.items()
        ]
        return sorted(made, key=lambda row: -row.total)

    @property
    def peak_bytes(self) -> int:
        """The most host memory that was in use when anything ended."""
        return max((event.live_bytes for event in self.events), default=0)

    def table(self, by: Field = "op", most: int = 20) -> str:
        """Write the slowest rows as text.

        Args:
            by: As in `rows`.
            most: So many rows.

        Returns:
            The table.

        Raises:
            InvalidValueError: There is no such field.
        """
        rows = self.rows(by)
        text = _columns(self._cells(by, rows[:most]))
        more = (
            f"\n{len(rows) - most} more; table(most={len(rows)}) shows all"
            if len(rows) > most
            else ""
        )
        return f"{text}{more}"

    def show(self, by: Field = "op", most: int = 20) -> None:
        """Print the table; with colours where rich is installed, as the extra `cli` has it.

        Args:
            by: As in `rows`.
            most: So many rows.

        Raises:
            InvalidValueError: There is no such field.
        """
        try:
            from rich.console import Console
            from rich.table import Table
        except ModuleNotFoundError:
            sys.stdout.write(self.table(by, most) + "\n")
            return
        head, *lines = self._cells(by, self.rows(by)[:most])
        table = Table(box=None, header_style="bold")
        for i, title in enumerate(head):
            table.add_column(title, justify="left" if i in (0, len(head) - 1) else "right")
        for line in lines:
            table.add_row(*line)
        Console().print(table)

    def _cells(self, by: Field, rows: Sequence[Row]) -> list[tuple[str, ...]]:
        """Write rows as cells, below their titles."""
        lines: list[tuple[str, ...]] = [
            (by, "count", "total", "share", "mean", "slowest", "output", "kernel")
        ]
        for row in rows:
            mean = row.total / row.count
            times = (_time(row.total), f"{row.share:.0%}", _time(mean), _time(row.slowest))
            size, kernels = _size(row.output_bytes), ", ".join(row.kernels)
            lines.append((row.key or "-", str(row.count), *times, size, kernels))
        return lines

    def __str__(self) -> str:
        return self.table()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a timeline that https://ui.perfetto.dev and chrome://tracing show.

        Args:
            path: A file, best named `something.json`.

        Raises:
            OSError: The file cannot be written.
        """
        with replacing(Path(path)) as file:
            file.write(json.dumps(self.trace()).encode())

    def trace(self) -> dict[str, Any]:
        """Return the timeline in Chrome's trace event format, as `save` writes it.

        Raises:
            Nothing.
        """
        process = os.getpid()
        events: list[dict[str, Any]] = [
            {
                "ph": "M",
                "name": "thread_name",
                "pid": process,
                "tid": thread,
                "args": {"name": self._threads.get(thread, f"thread {thread}")},
            }
            for thread in dict.fromkeys(event.thread for event in self.events)
        ]
        for event in self.events:
            facts = ("op", "kernel", "inputs", "outputs", "source", "output_bytes")
            events.append(
                {
                    "ph": "X",
                    "name": event.name,
                    "cat": event.kind,
                    "pid": process,
                    "tid": event.thread,
                    "ts": event.begin * 1e6,
                    "dur": event.duration * 1e6,
                    "args": {fact: getattr(event, fact) for fact in facts if getattr(event, fact)},
                }
            )
            events.append(
                {
                    "ph": "C",
                    "name": "host memory",
                    "pid": process,
                    "ts": (event.begin + event.duration) * 1e6,
                    "args": {"bytes": event.live_bytes},
                }
            )
        return {"traceEvents": events, "displayTimeUnit": "ms"}


def _own_times(events: Sequence[Event]) -> list[float]:
    """Return each event's time without that of the events directly inside of it, in its thread."""
    own = [event.duration for event in events]
    open_events: dict[int, list[int]] = {}
    for i, event in enumerate(events):
        around = open_events.setdefault(event.thread, [])
        while around and events[around[-1]].begin + events[around[-1]].duration <= event.begin:
            around.pop()
        if around:
            own[around[-1]] = max(0.0, own[around[-1]] - event.duration)
        around.append(i)
    return own


def _columns(lines: Sequence[tuple[str, ...]]) -> str:
    """Put cells below each other, numbers to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in (0, last) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.2f} {unit}"
    return f"{seconds * 1e6:.1f} us"


def _size(count: int) -> str:
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


__all__ = ["Event", "Row", "profile"]
