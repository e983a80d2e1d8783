"""ResNet-50 and MobileNetV2 on images of 224 x 224: inference, and training steps."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from networks import mobilenet_v2, resnet50
from networks.layouts import Arrays
from workloads._inference import Inference
from workloads._training import Training


def images(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, side, side, 3), np.float32)


def inference(network: ModuleType, name: str, count: int) -> Inference:
    return Inference(
        name,
        network.weights,
        network.forward,
        partial(images, count, network.SIDE),
        (count, network.CLASSES),
        network.depthwise,
    )


def training(network: ModuleType, count: int) -> Training:
    def weights() -> Arrays:
        unused = ("/mean", "/variance")  # statistics are those of the batch
        return {k: v for k, v in network.weights().items() if not k.endswith(unused)}

    def batch() -> tuple[np.ndarray, np.ndarray]:
        labels = np.random.default_rng(2).integers(0, network.CLASSES, count)
        return images(count, network.SIDE), labels

    def loss(ops: Any, w: dict[str, Any], x: Any, labels: Any) -> Any:
        return ops.cross_entropy(network.forward(ops, w, x), labels)

    return Training(weights, batch, loss, depthwise=network.depthwise)


WORKLOADS = [
    inference(resnet50, "resnet50_b1", 1).workload("ResNet-50 inference, batch 1", "threads"),
    inference(resnet50, "resnet50_b8", 8).workload("ResNet-50 inference, batch 8", "long"),
    inference(mobilenet_v2, "mobilenet_v2_b1", 1).workload("MobileNetV2 inference, batch 1"),
    training(resnet50, 8).workload(
        "resnet50_step", "ResNet-50 training step, batch 8", 0.8, "long", tolerance=1e-2
    ),
    training(mobilenet_v2, 8).workload(
        "mobilenet_v2_step", "MobileNetV2 training step, batch 8", 0.8, "long", tolerance=1e-2
    ),
]
