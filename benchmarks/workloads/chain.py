"""An elementwise chain, y = gelu_tanh(x * a + b) + c, in primitive ops; a, b and c are scalars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workloads._functions import Functions

SCALE, CUBIC = 0.7978845608028654, 0.044715


def chain(module: Any, x: Any, a: Any, b: Any, c: Any) -> Any:
    z = x * a + b
    return 0.5 * z * (1.0 + module.tanh(SCALE * (z + CUBIC * z * z * z))) + c


def with_gelu(torch: Any, x: Any, a: Any, b: Any, c: Any) -> Any:
    return torch.nn.functional.gelu(x * a + b, approximate="tanh") + c


def nodes(graph: Any, x: str, a: str, b: str, c: str) -> str:
    z = graph.node("Add", graph.node("Mul", x, a), b)
    return graph.node("Add", graph.node("Gelu", z, approximate="tanh"), c)


def of_size(size: int, name: str) -> Functions:
    def inputs() -> Sequence[np.ndarray]:
        x = np.random.default_rng(0).standard_normal(size, np.float32)
        return [x, *(np.float32(v) for v in (1.5, 0.25, -0.5))]

    return Functions(name, inputs, chain, nodes, with_gelu)


WORKLOADS = [
    of_size(1 << 20, "chain_1m").workload("elementwise chain, 1M", 0.8, "chain"),
    of_size(10_000_000, "chain_10m").workload("elementwise chain, 10M", 0.8, "chain", "threads"),
]
