"""The table on the terminal: a line for each workload, our time, the best peer's, the ratio and the goal."""

from __future__ import annotations

from typing import Any

from harness.candidates import CANDIDATES, OURS
from harness.samples import best_peer, ratio, reached

Row = dict[str, Any]
TITLES = {
    "first": "",
    "steady": "",
    "busy": "two threads, one CPU busy: ",
    "threads": "two threads: ",
}


def seconds(value: float) -> str:
    """Write a time with three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if value >= size:
            number = value / size
            return f"{number:.{max(0, 3 - len(str(int(number))))}f} {unit}"
    return f"{value / 1e-9:.2f} ns"


def cells(row: Row) -> dict[str, str]:
    """Return what a line of the table of times says, by column."""
    clock = row["clock"]
    peer = best_peer(row, OURS, clock)
    found = ratio(row, OURS, clock)
    ours = row["results"].get(OURS)
    goal = row["goal"]
    verdict = ""
    if found and goal is not None:
        verdict = "reached" if reached(row, found) else "short"
    theirs = row["results"][peer][clock]["median"] if peer else 0.0
    return {
        "workload": TITLES.get(row["mode"], "") + row["title"],
        "Penstock": seconds(ours[clock]["median"]) if ours else "-",
        "best peer": f"{CANDIDATES[peer].title} {seconds(theirs)}" if peer else "-",
        "ratio": f"{found['ratio']:.2f}" if found else "-",
        "rounds": f"{found['low']:.2f} .. {found['high']:.2f}" if found else "",
        "goal": f"{goal:.2f}" if goal is not None else "",
        "": verdict,
    }


def line(row: Row) -> str:
    """Say in one line what a row found."""
    results = row["results"]
    if row["clock"] in ("cpu", "wall") and "points" not in row:
        return " | ".join(cells(row).values())
    start = f"{row['mode']}: {row['title']}"
    if row["mode"] == "dynamic":
        parts = [
            f"{CANDIDATES[n].title} first/warm {r['ratio']:.2f}, {r['compilations']} compilations"
            for n, r in results.items()
        ]
    elif row["mode"] == "exact":
        ours = results.get(OURS, {})
        parts = [
            f"same bits: {ours.get('same_bits')}, bytes said {ours.get('said')}, taken {ours.get('taken')}"
        ]
    elif row["mode"] == "imports":
        parts = [
            f"{name} {seconds(r['cpu']['median'])}, {sum(r['closure'].values()) / 2**20:.0f} MiB"
            for name, r in results.items()
        ]
    else:
        parts = [f"{len(row.get('points', []))} points"]
    return f"{start} | " + "; ".join(parts + [f"{n}: {why}" for n, why in row["failures"].items()])


def everyone(row: Row) -> str:
    """Say what every candidate took, and who has no time and why."""
    clock = row["clock"]
    parts = []
    if clock in ("cpu", "wall"):
        order = sorted(row["results"].items(), key=lambda item: item[1][clock]["median"])
        parts = [
            f"{CANDIDATES[name].title} {seconds(r[clock]['median'])} {r['peak'] / 2**20:.0f} MiB"
            for name, r in order
        ]
    parts += [
        f"{CANDIDATES[n].title}: {why}" for n, why in row["failures"].items() if n in CANDIDATES
    ]
    return "; ".join(parts)


def show(rows: list[Row]) -> None:
    """Print the table, with rich if it is there."""
    lines = [cells(row) for row in rows]
    if not lines:
        return
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        for cell in lines:
            print("  ".join(f"{value:<18}" for value in cell.values()))
        return
    table = Table()
    for name in lines[0]:
        table.add_column(name, justify="left" if name in ("workload", "best peer", "") else "right")
    for cell in lines:
        colour = {"reached": "green", "short": "red"}.get(cell[""], "")
        table.add_row(*cell.values(), style=colour)
    console = Console()
    (console if console.is_terminal else Console(width=140)).print(table)
