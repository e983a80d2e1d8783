"""The outcome: a table of ops, native, composed, host or failing; and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

COLUMNS = ("op", "native", "composed", "host", "failing", "expected")


@dataclass
class OpOutcome:
    """What was found of one op."""

    placements: dict[str, str] = field(default_factory=dict)  # by dtype
    passed: int = 0
    failing: list[str] = field(default_factory=list)  # "check-dtype"
    expected: list[str] = field(default_factory=list)  # the same, excused by an author

    def row(self, name: str) -> tuple[str, ...]:
        """Put the outcome into the table's columns; views and what the runtime does count as native."""
        kinds: dict[str, list[str]] = {"native": [], "composed": [], "host": []}
        for dtype, placement in self.placements.items():
            kind = placement.split(" ", maxsplit=1)[0]
            kinds[kind if kind in kinds else "native"].append(dtype)
        cells = [" ".join(dtypes) for dtypes in kinds.values()]
        return (name, *cells, " ".join(self.failing), " ".join(self.expected))

    def as_json(self) -> dict[str, Any]:
        """Return what goes into the file."""
        return {
            "placements": self.placements,
            "passed": self.passed,
            "failing": self.failing,
            "expected": self.expected,
        }


class Report:
    """Collects what tests record and writes it when the session ends."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._ops: dict[str, OpOutcome] = {}
        self._device = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of one of the kit's tests."""
        for name, facts in report.user_properties:
            if name == "penstock" and isinstance(facts, dict) and report.when == "call":
                self._device = facts["device"]
                self._add(facts, report)

    def _add(self, facts: dict[str, str], report: pytest.TestReport) -> None:
        outcome = self._ops.setdefault(facts["op"], OpOutcome())
        outcome.placements[facts["dtype"]] = facts["placement"]
        what = f"{facts['check']}-{facts['dtype']}"
        if report.passed:
            outcome.passed += 1
        elif report.skipped:
            outcome.expected.append(what)
        else:
            outcome.failing.append(what)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, where a device was named or something fails, and write the file."""
        if not self._ops:
            return
        rows = [outcome.row(name) for name, outcome in sorted(self._ops.items())]
        failing = [row for row in rows if row[COLUMNS.index("failing")]]
        terminalreporter.section(f"Penstock conformance of {self._device}")
        named = self._config.getoption("--penstock-device")
        for line in table(rows if named else failing):
            terminalreporter.write_line(line)
        terminalreporter.write_line(self._summary(len(rows), len(failing)))
        path = self._config.getoption("--penstock-report")
        if path is not None:
            Path(path).write_text(json.dumps(self.as_json(), indent=2) + "\n", "utf-8")
            terminalreporter.write_line(f"written to {path}")

    def _summary(self, ops: int, failing: int) -> str:
        groups = [p for o in self._ops.values() for p in o.placements.values()]
        kinds = ("native", "composed", "host", "view")
        counts = ", ".join(f"{sum(p.startswith(k) for p in groups)} {k}" for k in kinds)
        return f"{ops} ops, {failing} failing; of {len(groups)} pairs of op and dtype: {counts}"

    def as_json(self) -> dict[str, Any]:
        """Return what `--penstock-report` writes."""
        import penstock

        return {
            "penstock": penstock.__version__,
            "device": self._device,
            "level": self._config.getoption("--penstock-level"),
            "ops": {name: outcome.as_json() for name, outcome in sorted(self._ops.items())},
        }


def table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Set rows under the columns' names; with rich where it is installed, else in plain text."""
    if not rows:
        return []
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        return _plain(rows)
    made = Table(*COLUMNS, box=None, pad_edge=False)
    for row in rows:
        made.add_row(*row)
    console = Console(width=140, color_system=None, force_terminal=False)
    with console.capture() as text:
        console.print(made)
    return text.get().rstrip().splitlines()


def _plain(rows: Sequence[Sequence[str]]) -> list[str]:
    all_rows = [COLUMNS, *rows]
    widths = [max(len(row[i]) for row in all_rows) for i in range(len(COLUMNS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in all_rows
    ]
