"""The pictures, if matplotlib is there: ratios of all workloads, and sweeps over sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.candidates import CANDIDATES, OURS
from harness.samples import ratio, reached

Row = dict[str, Any]
OPERATIONS = {
    "sweep_matmul": (lambda n: 2 * n**3, "GFLOP/s"),
    "sweep_conv": (lambda n: 2 * 28 * 28 * 9 * n**2, "GFLOP/s"),
    "sweep_chain": (lambda n: n, "Gfloats/s"),
}


def draw(steady: list[Row], sweeps: list[Row], folder: Path) -> dict[str, str]:
    """Draw what there are rows for.

    Returns:
        What a page in the folder says to show a picture: "ratios" and "sweep".
    """
    try:
        import matplotlib as mpl
    except ImportError:
        return {}
    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "penstock", "font.size": 9})
    shown = {}
    if any(ratio(row, OURS, row["clock"]) for row in steady):
        _save(_ratios(steady), folder / "benchmarks_ratios.svg")
        shown["ratios"] = "![Ratios to the best peer](benchmarks_ratios.svg)"
    if sweeps:
        _save(_sweep(sweeps), folder / "benchmarks_sweep.svg")
        shown["sweep"] = "![Speed over sizes](benchmarks_sweep.svg)"
    return shown


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def _ratios(rows: list[Row]) -> Any:
    from matplotlib.figure import Figure

    found = [(row, r) for row in rows if (r := ratio(row, OURS, row["clock"]))]
    found.reverse()  # the first at the top
    figure = Figure(figsize=(8, 0.27 * len(found) + 1))
    axes = figure.subplots()
    places = range(len(found))
    values = [r["ratio"] for _, r in found]
    colours = ["tab:green" if reached(row, r) else "tab:orange" for row, r in found]
    errors = [
        [max(0.0, r["ratio"] - r["low"]) for _, r in found],
        [max(0.0, r["high"] - r["ratio"]) for _, r in found],
    ]
    axes.barh(places, values, color=colours, xerr=errors, error_kw={"linewidth": 0.8})
    goals = [
        (row["goal"], place) for place, (row, _) in enumerate(found) if row["goal"] is not None
    ]
    axes.plot([g for g, _ in goals], [p for _, p in goals], "k|", markersize=11, label="goal")
    axes.axvline(1, color="grey", linewidth=0.8, label="best peer")
    axes.set_yticks(places, [row["title"] for row, _ in found])
    axes.set_xlabel("our time / the best peer's")
    axes.legend(loc="lower right")
    return figure


def _sweep(rows: list[Row]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(rows), 6))
    grid = figure.subplots(2, len(rows), squeeze=False, height_ratios=(2, 1))
    for (speeds, ratios), row in zip(grid.T, rows, strict=True):
        operations, unit = OPERATIONS[row["workload"]]
        names = sorted(
            {name for point in row["points"] for name in point["cpu"]}, key=list(CANDIDATES).index
        )
        for name in names:
            points = [
                (p["point"], p["cpu"][name]["median"]) for p in row["points"] if name in p["cpu"]
            ]
            speed = [operations(n) / time / 1e9 for n, time in points]
            width = 2.2 if name == OURS else 1.0
            speeds.plot(
                [n for n, _ in points], speed, ".-", label=CANDIDATES[name].title, linewidth=width
            )
        both = [p for p in row["points"] if OURS in p["cpu"] and len(p["cpu"]) > 1]
        against = [
            p["cpu"][OURS]["median"] / min(t["median"] for n, t in p["cpu"].items() if n != OURS)
            for p in both
        ]
        ratios.plot([p["point"] for p in both], against, "k.-")
        ratios.axhline(1, color="grey", linewidth=0.8)
        ratios.set_ylim(0, min(4, max([1.5, *against]) * 1.1))
        ratios.set_ylabel("ours / best peer")
        ratios.set_xlabel("n")
        speeds.set_title(row["title"])
        speeds.set_ylabel(unit)
        speeds.legend()
        for axes in (speeds, ratios):
            axes.set_xscale("log")
            axes.grid(alpha=0.3)
    figure.tight_layout()
    return figure
