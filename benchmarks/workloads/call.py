"""A compiled function of one small op: what a call of it costs."""

from __future__ import annotations

import numpy as np

from workloads._functions import Functions

CALL = Functions(
    "call_add",
    lambda: [np.arange(4, dtype=np.float32), np.ones(4, np.float32)],
    lambda _, x, y: x + y,
    lambda graph, x, y: graph.node("Add", x, y),
)
WORKLOADS = [CALL.workload("compiled call, one small add", 0.15, "call")]
