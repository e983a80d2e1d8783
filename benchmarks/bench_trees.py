"""Boosted trees against scikit-learn's: training and prediction, in time, and how well they predict over five seeds.

Adult comes from the folder that PENSTOCK_MIRROR names and is left out without it. Both sides have the same
hyper-parameters, scikit-learn's defaults, 100 rounds, and no early stopping.

python benchmarks/bench_trees.py [--threads 1] [--quality] [--json]

With one thread it counts CPU time on one core. With more it counts the time of the clock, which other programs disturb.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _pairs import compare, pin_to_one_core, report

_PARSER = argparse.ArgumentParser()
_PARSER.add_argument("--threads", type=int, default=1)
_PARSER.add_argument("--quality", action="store_true")
_PARSER.add_argument("--json", action="store_true")
OPTIONS = _PARSER.parse_args()
if OPTIONS.threads == 1:
    pin_to_one_core()
for variable in ("PENSTOCK_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = str(OPTIONS.threads)

import numpy as np  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import log_loss  # noqa: E402

from penstock.keras.trees import BoostedTreesClassifier, BoostedTreesRegressor  # noqa: E402

CATEGORICAL = [1, 3, 5, 6, 7, 8, 9, 13]
SEEDS = range(5)


@dataclass
class Problem:
    """Rows to learn from and rows to be asked."""

    name: str
    x: Any
    y: Any
    test_x: Any
    test_y: Any
    classes: bool = False
    categorical: Any = None

    def pair(self, seed: int = 0) -> tuple[Any, Any]:
        """Return our model and scikit-learn's."""
        how = {"early_stopping": False, "random_state": seed}
        how["categorical_features"] = self.categorical
        if self.classes:
            return BoostedTreesClassifier(**how), HistGradientBoostingClassifier(**how)
        return BoostedTreesRegressor(**how), HistGradientBoostingRegressor(**how)

    def error(self, model: Any) -> float:
        """Return the log loss of classes, else the share of the variance that is left."""
        if self.classes:
            return float(log_loss(self.test_y, model.predict_proba(self.test_x)))
        return float(1 - model.score(self.test_x, self.test_y))


def adult() -> Problem | None:
    """Read Adult, with categories as numbers."""
    folder = Path(os.environ.get("PENSTOCK_MIRROR", "/nowhere"), "datasets", "adult")
    if not folder.is_dir():
        return None
    parts = []
    for name in ("adult-train.csv", "adult-test.csv"):
        lines = (folder / name).read_text().splitlines()
        rows = [line.rstrip(".").split(", ") for line in lines]
        parts.append(np.array([row for row in rows if len(row) == 15], dtype=object))
    codes = {c: {w: i for i, w in enumerate(sorted({*parts[0][:, c]}))} for c in CATEGORICAL}
    tables = []
    for part in parts:
        table = np.empty((len(part), 14))
        for c in range(14):
            known = codes.get(c)
            table[:, c] = [known.get(v, np.nan) if known else float(v) for v in part[:, c]]
        tables += [table, (part[:, 14] == ">50K").astype(int)]
    return Problem("Adult", *tables, classes=True, categorical=CATEGORICAL)


def made(rows: int, seed: int = 0, classes: int = 0) -> Problem:
    """Draw rows of ten columns with interactions, a tenth of the numbers missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows + 5000, 10))
    y = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + np.abs(x[:, 3]) + 0.3 * rng.normal(size=len(x))
    x[rng.random(x.shape) < 0.1] = np.nan
    name = f"made, {rows} rows"
    if classes:
        y = np.searchsorted(np.quantile(y, np.arange(1, classes) / classes), y)
        name += f", {classes} classes"
    return Problem(name, x[:rows], y[:rows], x[rows:], y[rows:], classes > 0)


def bundled() -> Iterator[Problem]:
    """Split scikit-learn's own small tables."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, make_friedman1

    for name, (x, y), classes in (
        ("diabetes", load_diabetes(return_X_y=True), False),
        ("breast cancer", load_breast_cancer(return_X_y=True), True),
        ("Friedman 1, 4177 rows", make_friedman1(4177, 8, noise=1.0, random_state=0), False),
    ):
        yield Problem(name, x, y, x[:0], y[:0], classes)


def quality(problem: Problem) -> None:
    """Compare both models on five parts of the rows."""
    errors: list[list[float]] = [[], []]
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(problem.y))
        cut = len(order) * 4 // 5
        learn, ask = order[:cut], order[cut:]
        x, y = problem.x, problem.y
        part = Problem("", x[learn], y[learn], x[ask], y[ask], problem.classes, problem.categorical)
        for side, model in zip(errors, part.pair(seed), strict=True):
            side.append(part.error(model.fit(part.x, part.y)))
    ours, theirs = np.array(errors)
    spread = (ours - theirs).std(ddof=1) / np.sqrt(len(ours))
    kind = "log loss" if problem.classes else "1 - R2"
    print(
        f"{problem.name:<28} {kind:<8} penstock {ours.mean():.4f}  scikit-learn {theirs.mean():.4f}  "
        f"difference {(ours - theirs).mean():+.4f} +- {spread:.4f}"
    )


def times(problem: Problem) -> None:
    """Time training, many rows and one row."""
    clock = time.process_time_ns if OPTIONS.threads == 1 else time.perf_counter_ns
    models = [model.fit(problem.x, problem.y) for model in problem.pair()]
    names = ("penstock", "scikit-learn")

    def show(title: str, act: Callable[[Any], object], rounds: int, unit: str) -> None:
        bodies = {n: (lambda m=m: act(m)) for n, m in zip(names, models, strict=True)}
        report(f"{problem.name}: {title}", compare(bodies, rounds, 0.05, clock), unit)

    show("training", lambda m: m.fit(problem.x, problem.y), 5, "ms")
    show(f"{len(problem.test_x)} rows", lambda m: m.predict(problem.test_x), 9, "ms")
    show("one row", lambda m: m.predict(problem.test_x[:1]), 9, "us")


if __name__ == "__main__":
    problems = [p for p in (adult(), made(4_000), made(100_000), made(10_000, classes=5)) if p]
    if OPTIONS.quality:
        for problem in (*problems, *bundled()):
            quality(problem)
    else:
        for problem in problems:
            times(problem)
