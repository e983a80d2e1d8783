"""Writes docs/benchmarks.md and its pictures from the rows of runs: of each workload and mode, the newest.

    python benchmarks/page.py [ROWS.jsonl ...]

Without files it takes all of build/bench.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from string import Template
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from harness import plots, sections  # noqa: E402
from harness.settings import Effort  # noqa: E402
from harness.workload import all_workloads  # noqa: E402

Row = dict[str, Any]


def newest(paths: list[Path]) -> list[Row]:
    """Return the last row of each mode and workload, in the order of the suite."""
    found: dict[tuple[str, str], Row] = {}
    for path in sorted(paths, key=lambda path: path.stat().st_mtime):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            found[row["mode"], row["workload"]] = row
    order = ["imports", *all_workloads()]
    known = [row for row in found.values() if row["workload"] in order]
    return sorted(known, key=lambda row: order.index(row["workload"]))


def write(rows: list[Row], folder: Path) -> None:
    """Write the page and its pictures into a folder."""
    from workloads.dynamic import SECONDS

    def of(mode: str) -> list[Row]:
        return [row for row in rows if row["mode"] == mode]

    effort = Effort()
    pictures = plots.draw(of("steady"), of("sweep"), folder)
    text = Template((ROOT / "benchmarks" / "page.md").read_text("utf-8")).substitute(
        summary=sections.summary(rows),
        machine=sections.machine(rows),
        steady=sections.times(of("steady"), memory=True),
        ratios=pictures.get("ratios", ""),
        everybody=sections.everybody(of("steady")),
        threads=sections.times([*of("threads"), *of("busy")]),
        first=sections.everybody(of("first")),
        dynamic_seconds=f"{SECONDS:.0f}",
        dynamic=sections.dynamic(of("dynamic")),
        sweep=pictures.get("sweep", "(no rows)"),
        imports=sections.imports(of("imports")),
        exact=sections.exact(of("exact")),
        burst=effort.seconds,
        least=sections.least_rounds(of("steady")),
        missing=sections.missing(rows),
    )
    (folder / "benchmarks.md").write_text(text.rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]]
    write(newest(given or list((ROOT / "build" / "bench").glob("rows-*.jsonl"))), ROOT / "docs")
