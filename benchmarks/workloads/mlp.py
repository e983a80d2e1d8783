"""Networks of dense layers with ReLU between them: one of MNIST's size, and one that is small."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from networks.layouts import Arrays, Draw
from workloads._training import Training


def training(batch: int, *sizes: int) -> Training:
    def weights() -> Arrays:
        draw = Draw()
        for i, (inputs, outputs) in enumerate(pairwise(sizes)):
            draw.he(f"w{i}", inputs, outputs)
            draw.constant(f"b{i}", outputs)
        return draw.arrays

    def examples() -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(1)
        return rng.standard_normal((batch, sizes[0]), np.float32), rng.integers(0, sizes[-1], batch)

    def loss(ops: Any, w: dict[str, Any], x: Any, labels: Any) -> Any:
        last = len(sizes) - 2
        for i in range(last):
            x = ops.relu(ops.dense(x, w[f"w{i}"], w[f"b{i}"]))
        return ops.cross_entropy(ops.dense(x, w[f"w{last}"], w[f"b{last}"]), labels)

    return Training(weights, examples, loss)


WORKLOADS = [
    training(128, 784, 512, 512, 10).workload(
        "mlp",
        "MLP training step, 784-512-512-10, batch 128",
        1.0,
        "threads",
        "busy",
    ),
    training(32, 32, 64, 10).workload(
        "small_mlp", "small MLP training step, 32-64-10, batch 32", 0.25
    ),
]
