"""A small convolutional network on 28 x 28 images: 3x3 to 32, 3x3 to 64, max-pool 2, dense 128, dense 10."""

from __future__ import annotations

from typing import Any

import numpy as np

from networks.layouts import Arrays, Draw
from workloads._training import Training

BATCH = 64


def weights() -> Arrays:
    draw = Draw()
    for name, *shape in (
        ("c1", 3, 3, 1, 32),
        ("c2", 3, 3, 32, 64),
        ("d1", 9216, 128),
        ("d2", 128, 10),
    ):
        draw.he(name, *shape)
        draw.constant(f"{name}/bias", shape[-1])
    return draw.arrays


def batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.standard_normal((BATCH, 28, 28, 1), np.float32), rng.integers(0, 10, BATCH)


def loss(ops: Any, w: dict[str, Any], x: Any, labels: Any) -> Any:
    h = ops.relu(ops.bias(ops.conv(x, w["c1"]), w["c1/bias"]))
    h = ops.relu(ops.bias(ops.conv(h, w["c2"]), w["c2/bias"]))
    h = ops.flatten(ops.max_pool(h, 2, 2))
    h = ops.relu(ops.dense(h, w["d1"], w["d1/bias"]))
    return ops.cross_entropy(ops.dense(h, w["d2"], w["d2/bias"]), labels)


TRAINING = Training(weights, batch, loss, places=lambda: {"d1": (12, 12, 64)})
WORKLOADS = [
    TRAINING.workload("mnist_cnn", f"MNIST CNN training step, batch {BATCH}", 0.75, "threads")
]
