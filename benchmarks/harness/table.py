"""The table on the terminal: a line for each workload, our time, the best peer's, the ratio and the goal."""

from __future__ import annotations

from typing import Any

from harness.candidates import CANDIDATES, OURS
from harness.samples import best_peer, ratio


def seconds(value: float) -> str:
    """Write a time with three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if value >= size:
            number = value / size
            return f"{number:.{max(0, 2 - len(str(int(number))) + 1)}f} {unit}"
    return f"{value / 1e-9:.2f} ns"


def cells(row: dict[str, Any]) -> dict[str, str]:
    """Return what a line of the table says, by column."""
    clock = row.get("clock", "cpu")
    peer = best_peer(row, OURS, clock)
    found = ratio(row, OURS, clock)
    ours = row["results"].get(OURS)
    goal = row.get("goal")
    verdict = ""
    if found and goal is not None:
        verdict = "reached" if found["ratio"] <= goal else "short"
    return {
        "workload": row["title"],
        "Penstock": seconds(ours[clock]["median"]) if ours else "-",
        "best peer": (
            f"{CANDIDATES[peer].title} {seconds(row['results'][peer][clock]['median'])}"
            if peer
            else "-"
        ),
        "ratio": f"{found['ratio']:.2f}" if found else "-",
        "rounds": f"{found['low']:.2f} .. {found['high']:.2f}" if found else "",
        "goal": f"{goal:.2f}" if goal is not None else "",
        "": verdict,
    }


def others(row: dict[str, Any]) -> str:
    """Say what every candidate took, and who has no time and why."""
    clock = row.get("clock", "cpu")
    order = sorted(row["results"].items(), key=lambda item: item[1][clock]["median"])
    parts = [
        f"{CANDIDATES[name].title} {seconds(result[clock]['median'])} {result['peak'] / 2**20:.0f} MiB"
        for name, result in order
    ]
    parts += [f"{CANDIDATES[name].title}: {why}" for name, why in row["failures"].items()]
    return "; ".join(parts)


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table, with rich if it is there."""
    lines = [cells(row) for row in rows]
    if not lines:
        return
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        for line in lines:
            print("  ".join(f"{value:<18}" for value in line.values()))
        return
    table = Table()
    for name in lines[0]:
        table.add_column(name, justify="left" if name in ("workload", "best peer", "") else "right")
    for line in lines:
        colour = {"reached": "green", "short": "red"}.get(line[""], "")
        table.add_row(*line.values(), style=colour)
    console = Console()
    (console if console.is_terminal else Console(width=140)).print(table)
