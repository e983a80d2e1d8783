"""The parts of the page: tables in Markdown, of rows."""

from __future__ import annotations

from typing import Any

from harness.candidates import CANDIDATES, FRAMEWORKS, OURS
from harness.samples import best_peer, ratio, reached
from harness.table import TITLES, cells, seconds

Row = dict[str, Any]


def markdown(lines: list[dict[str, str]]) -> str:
    """Write a table; the first column is text, the others are numbers."""
    if not lines:
        return "(no rows)"
    names = list(lines[0])
    rule = ["---", *["--:"] * (len(names) - 1)]
    table = [names, rule, *([line[name] for name in names] for line in lines)]
    return "\n".join("| " + " | ".join(line) + " |" for line in table)


def summary(rows: list[Row]) -> str:
    """Count the goals that were reached."""
    judged = [
        (row, found)
        for row in rows
        if row["clock"] in ("cpu", "wall") and row["goal"] is not None
        if (found := ratio(row, OURS, row["clock"]))
    ]
    count = sum(reached(row, found) for row, found in judged)
    faster = sum(found["ratio"] < 1 for _, found in judged)
    return (
        f"Of {len(judged)} timed rows below, {count} reach their goal, and in {faster} Penstock is faster than "
        "every peer."
    )


def machine(rows: list[Row]) -> str:
    """Say what the numbers were taken on, and with which versions."""
    if not rows:
        return ""
    last = rows[-1]["machine"]
    versions: dict[str, str] = {}
    for row in rows:
        for name, result in row["results"].items():
            if "version" in result:
                framework = CANDIDATES[name].framework if name in CANDIDATES else name
                versions[framework] = result["version"].split("-")[0]
    loads = [row["machine"]["load"][0] for row in rows]
    times = sorted(row["machine"]["time"] for row in rows)
    caches = ", ".join(f"{level} {size}" for level, size in last["caches"].items())
    return (
        f"{last['cpu']} ({', '.join(last['flags'])}; {caches}), {last['cpus']} CPUs, {last['memory_gib']} GiB, "
        f"{last['system']}, Python {last['python']}; from {times[0]} to {times[-1]}; load average "
        f"{min(loads):.1f} to {max(loads):.1f}.\n\n"
        + ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        + "."
    )


def least_rounds(rows: list[Row]) -> int:
    """Count the rounds of the row that has the fewest."""
    found = [row["results"][OURS] for row in rows if OURS in row["results"]]
    return min((len(result["cpu_rounds"]) for result in found), default=0)


def times(rows: list[Row], memory: bool = False) -> str:
    """Write our time, the best peer's, their ratio and the goal."""
    lines = []
    for row in rows:
        line = cells(row)
        verdict = line.pop("")
        line["ratio"] = f"**{line['ratio']}**" if verdict == "reached" else line["ratio"]
        peer = best_peer(row, OURS, row["clock"])
        if memory:
            line["memory"] = _memory(row, OURS)
            line["its memory"] = _memory(row, peer)
        lines.append(line)
    return markdown(lines) + ("\n\nBold: the goal is reached." if lines else "")


def _memory(row: Row, name: str | None) -> str:
    result = row["results"].get(name)
    return f"{result['peak'] / 2**20:.0f} MiB" if result else "-"


def everybody(rows: list[Row]) -> str:
    """Write the time of every candidate, and why some have none."""
    names = [
        n for n in CANDIDATES if any(n in row["results"] or n in row["failures"] for row in rows)
    ]
    lines = []
    notes = []
    for row in rows:
        results = row["results"]
        line = {"workload": TITLES.get(row["mode"], "") + row["title"]}
        for name in names:
            found = results.get(name)
            line[CANDIDATES[name].title] = seconds(found[row["clock"]]["median"]) if found else "-"
        lines.append(line)
        notes += [
            f"- {row['title']}, {CANDIDATES[n].title}: {why}" for n, why in row["failures"].items()
        ]
    return "\n\n".join(filter(None, [markdown(lines), "\n".join(notes)]))


def dynamic(rows: list[Row]) -> str:
    """Write what new sizes cost."""
    lines = [
        {
            "": CANDIDATES[name].title,
            "sizes": str(result["calls"]),
            "compilations": "-" if result["compilations"] is None else str(result["compilations"]),
            "first call": f"{result['ratio']:.2f}",
            "90th": f"{result['ratio_90']:.2f}",
            "mean of first calls": seconds(result["first_mean"]),
            "mean of others": seconds(result["warm_mean"]),
        }
        for row in rows
        for name, result in row["results"].items()
    ]
    return markdown(lines)


def imports(rows: list[Row]) -> str:
    """Write what imports and installations take."""
    lines = []
    for row in rows:
        numpy = row["results"].get("numpy", {}).get("cpu", {}).get("median", 0.0)
        for name in sorted(row["results"], key=list(FRAMEWORKS).index):
            result = row["results"][name]
            size = sum(result["closure"].values()) / 2**20
            lines.append(
                {
                    "": f"{name} {result['version'].split('-')[0]}",
                    "import": seconds(result["cpu"]["median"]),
                    "beyond NumPy": (
                        seconds(result["cpu"]["median"] - numpy)
                        if result["cpu"]["median"] > numpy
                        else ""
                    ),
                    "memory after it": f"{result['rss_after_import'] / 2**20:.0f} MiB",
                    "distributions": str(len(result["closure"])) if size else "-",
                    "installed": f"{size:.0f} MiB" if size else "-",
                }
            )
    return markdown(lines)


def exact(rows: list[Row]) -> str:
    """Write whether bits and bytes are as promised."""
    lines = []
    for row in rows:
        found = row["results"].get(OURS)
        if found is None:
            why = row["failures"].get(OURS, "")
            lines.append({"workload": row["title"], "same bits": why, "said": "-", "counted": "-"})
            continue
        lines.append(
            {
                "workload": row["title"],
                "same bits": "yes" if found["same_bits"] else "NO",
                "said": _count(found["said"]),
                "counted": _count(found["taken"]),
            }
        )
    return markdown(lines)


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,} bytes"


def missing(rows: list[Row]) -> str:
    """Say which peers could not be installed."""
    found = {name: why for row in rows for name, why in row.get("missing", {}).items()}
    return "\n".join(f"\n{name} could not be installed: {why}" for name, why in found.items())
