"""An LSTM of 256 units over 100 steps, and a dense layer on its last state."""

from __future__ import annotations

from typing import Any

import numpy as np

from networks.layouts import Arrays, Draw
from workloads._training import Training

BATCH, STEPS, FEATURES, UNITS, CLASSES = 32, 100, 64, 256, 10


def weights() -> Arrays:
    draw = Draw()
    draw.he("input", FEATURES, 4 * UNITS)
    draw.he("state", UNITS, 4 * UNITS)
    draw.constant("bias", 4 * UNITS)
    draw.he("out", UNITS, CLASSES)
    draw.constant("out/bias", CLASSES)
    return {**draw.arrays, "state": draw.arrays["state"] * np.float32(0.5)}


def batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.standard_normal((BATCH, STEPS, FEATURES), np.float32), rng.integers(
        0, CLASSES, BATCH
    )


def loss(ops: Any, w: dict[str, Any], x: Any, labels: Any) -> Any:
    h = ops.lstm(x, w["input"], w["state"], w["bias"])
    return ops.cross_entropy(ops.dense(h, w["out"], w["out/bias"]), labels)


WORKLOADS = [
    # torch.compile cannot see into PyTorch's LSTM, and leaves it as it is.
    Training(weights, batch, loss).workload(
        "lstm",
        f"LSTM training step, {UNITS} units, {STEPS} steps, batch {BATCH}",
        0.85,
        "threads",
        without=frozenset({"torch_compile"}),
    )
]
