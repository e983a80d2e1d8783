"""What a node of a plan costs, beyond its kernel. Calls of ops and functions are workloads of the suite.

python benchmarks/bench_plan.py [--json]
"""

from __future__ import annotations

from _pairs import compare, pin_to_one_core, report

pin_to_one_core()

import numpy as np  # noqa: E402

import penstock as ps  # noqa: E402
from penstock import _native  # noqa: E402

SMALL = np.ones(4, np.float32)
NODES = 100


def plan_node() -> None:
    """Run a plan of 100 mixed small ops, without passes, and its kernels in a bare loop over the same call frames."""
    rng = np.random.default_rng(0)
    graph = ps.Graph("mixed")
    with graph.as_default():
        x = ps.placeholder("float32", (8,), name="x")
        y = x
        makers = [ps.add, ps.multiply, ps.maximum, ps.subtract]
        other = ps.asarray(rng.standard_normal(8).astype(np.float32))
        for i in range(NODES):
            y = makers[i % 4](y, other)
        graph.inputs, graph.outputs = [x], [y]
    plan = _native.Plan(graph)
    value = [ps.asarray(SMALL.repeat(2))]
    timing = compare({"whole plan": lambda: plan.run(value)})
    report(f"plan of {plan.num_steps} mixed small ops, no passes", timing, "us")
    kernels = sorted(plan.time_kernels(value, 20000) for _ in range(15))
    over = [(timing["whole plan"].median - k) / plan.num_steps * 1e9 for k in kernels]
    print(
        f"  its kernels alone {kernels[7] * 1e6:12.3f} us  [{kernels[0] * 1e6:.3f} .. {kernels[-1] * 1e6:.3f}]"
    )
    print(f"  over the kernels {over[7]:13.1f} ns a node  [{over[-1]:.1f} .. {over[0]:.1f}]")


if __name__ == "__main__":
    plan_node()
