"""Products of two matrices that are both given anew, so that nothing can be packed once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workloads._functions import Functions


def of_sizes(m: int, k: int, n: int, name: str) -> Functions:
    def inputs() -> Sequence[np.ndarray]:
        rng = np.random.default_rng(0)
        return [rng.standard_normal(shape, np.float32) for shape in ((m, k), (k, n))]

    return Functions(
        name,
        inputs,
        lambda module, a, b: module.matmul(a, b),
        lambda graph, a, b: graph.node("MatMul", a, b),
    )


WORKLOADS = [
    of_sizes(1024, 1024, 1024, "matmul_1024").workload("matmul 1024", 1.0, "matmul", "threads"),
    of_sizes(128, 768, 768, "gemm_128x768x768").workload(
        "GEMM 128 x 768 x 768", 1.0, "matmul", "threads", "busy"
    ),
]
