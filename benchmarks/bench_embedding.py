"""A training step on a table of 1,000,000 x 64 that reads 1,000 rows, by SGD and by Adam, against PyTorch.

The same step on a table a thousandth as large tells whether its time depends on the table; the largest amount of
memory in use, whether a second table was ever made.

python benchmarks/bench_embedding.py [--json]
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any

from _pairs import Body, compare, pin_to_one_core, report

pin_to_one_core()

import numpy as np  # noqa: E402

import penstock as ps  # noqa: E402

LARGE, SMALL, WIDTH, READ = 1_000_000, 1_000, 64, 1_000


def zeros(rows: int) -> ps.Variable:
    return ps.Variable(ps.zeros((rows, WIDTH)))


def step_of(rows: int, adam: bool) -> Callable[[Any], Any]:
    """Make a training step on a table of so many rows."""
    table = zeros(rows)
    means = (zeros(rows), zeros(rows)) if adam else ()

    @ps.function
    def step(ids: Any) -> Any:
        with ps.GradientTape() as tape:
            loss = ps.mean(ps.square(ps.nn.embedding(table, ids) - 1.0))
        rows = tape.gradient(loss, table)
        table.scatter_adam(rows, *means, 0.01, 1.0) if adam else table.scatter_sub(0.1 * rows)
        return loss

    return step


def ours(rows: int, adam: bool) -> Body:
    step = step_of(rows, adam)
    ids = ps.asarray(np.random.default_rng(0).integers(0, rows, READ))
    return lambda: step(ids)


def of_torch(rows: int, adam: bool) -> Body | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    table = torch.nn.Embedding(rows, WIDTH, sparse=True)
    kind = torch.optim.SparseAdam if adam else torch.optim.SGD
    optimizer = kind(table.parameters(), lr=0.1)
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, rows, READ))

    def body() -> None:
        optimizer.zero_grad()
        ((table(ids) - 1.0) ** 2).mean().backward()
        optimizer.step()

    return body


def megabytes() -> float:
    """Return the most memory that this process has had in use."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory_of_a_step(adam: bool) -> float:
    """Return by how much the steps raise the most memory in use, the tables left out."""
    body = ours(LARGE, adam)
    before = megabytes()
    for _ in range(5):
        body()
    return megabytes() - before


if __name__ == "__main__":
    print(f"a table has {LARGE * WIDTH * 4 / 2**20:.0f} MiB")
    for adam in (False, True):
        name = "Adam" if adam else "SGD"
        print(f"{name}: its steps take {memory_of_a_step(adam):.1f} MiB beside the table")
        bodies = {"penstock": ours(LARGE, adam), "penstock, a small table": ours(SMALL, adam)}
        if peer := of_torch(LARGE, adam):
            bodies["torch"] = peer
        report(f"{name}, {READ} of {LARGE} rows", compare(bodies, rounds=9), "us")
