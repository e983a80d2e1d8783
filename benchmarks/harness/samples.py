"""Medians, spreads and ratios of what was timed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

CLOCKS = ("cpu", "wall")


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median of the values, the least and the most."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def best_peer(row: dict[str, Any], ours: str, clock: str) -> str | None:
    """Return the fastest candidate of a row that is not ours, or None."""
    medians = {
        name: result[clock]["median"]
        for name, result in row["results"].items()
        if not name.startswith(ours) and clock in result
    }
    return min(medians, key=lambda name: medians[name]) if medians else None


def ratio(row: dict[str, Any], ours: str, clock: str) -> dict[str, float] | None:
    """Return our time over the best peer's: of the medians, and the range of the rounds' own ratios."""
    peer = best_peer(row, ours, clock)
    if peer is None or clock not in row["results"].get(ours, {}):
        return None
    mine, theirs = row["results"][ours], row["results"][peer]
    # Who is far behind has fewer rounds.
    rounds = zip(mine[f"{clock}_rounds"], theirs[f"{clock}_rounds"], strict=False)
    of_rounds = [a / b for a, b in rounds]
    median = mine[clock]["median"] / theirs[clock]["median"]
    return {"ratio": median, "low": min(of_rounds), "high": max(of_rounds)}


def reached(row: dict[str, Any], found: dict[str, float]) -> bool:
    """Tell whether a ratio reaches the row's goal, in the two digits that are shown."""
    return row["goal"] is not None and round(found["ratio"], 2) <= row["goal"]
