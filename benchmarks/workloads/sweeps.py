"""Products, convolutions and a chain over sizes that are multiples of nothing, and of what kernels like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.workload import Ready, Workload
from networks.layouts import image
from workloads import chain, matmul
from workloads._functions import Functions

SQUARES = (
    8,
    17,
    32,
    63,
    64,
    100,
    127,
    128,
    191,
    200,
    256,
    300,
    383,
    384,
    500,
    512,
    513,
    640,
    777,
    1000,
    1024,
)
LENGTHS = (10, 100, 1000, 4097, 10_000, 65_537, 100_000, 300_001, 1_000_000, 3_000_017, 10_000_000)
# Channels in and out of a 3x3 filter over 28 x 28 places.
CHANNELS = (1, 3, 8, 13, 16, 24, 31, 32, 48, 61, 64, 96, 100, 127, 128, 160, 192, 255, 256)
SIDE = 28


def square(point: float) -> Functions:
    n = int(point)
    return matmul.of_sizes(n, n, n, f"sweep_matmul_{n}")


def length(point: float) -> Functions:
    return chain.of_size(int(point), f"sweep_chain_{int(point)}")


class Convolution:
    """A 3x3 convolution with as many channels in as out; filters are part of it, as in a network."""

    def __init__(self, channels: int) -> None:
        rng = np.random.default_rng(0)
        self.name = f"sweep_conv_{channels}"
        self.images = rng.standard_normal((1, SIDE, SIDE, channels), np.float32)
        filters = rng.standard_normal((3, 3, channels, channels), np.float32)
        self.weights = {"filter": filters / np.float32(3 * channels**0.5)}

    def as_inference(self) -> Any:
        from workloads._inference import Inference

        return Inference(
            self.name,
            lambda: self.weights,
            lambda ops, w, x: ops.conv(x, w["filter"], 1, 1),
            lambda: self.images,
            image(self.images).shape,
        )


def of_functions(function: Callable[[float], Functions], candidate: str) -> Callable[[], Any]:
    def point(value: float) -> Ready:
        made = function(value)
        makers = {"penstock": made.penstock, "torch": made.in_torch, "jax": made.jax}
        return (makers | {"onnxruntime": made.onnxruntime, "openvino": made.openvino})[candidate]()

    return lambda: point


def of_convolutions(candidate: str) -> Callable[[], Any]:
    def point(value: float) -> Ready:
        ready: Ready = Convolution(int(value)).as_inference().builders()[candidate]()
        if candidate == "jax":  # whose channels are last; answers are compared
            return Ready(ready.body, lambda y: np.asarray(y).transpose(0, 3, 1, 2))
        return ready

    return lambda: point


CANDIDATES = ("penstock", "torch", "jax", "onnxruntime", "openvino")


def sweep(
    name: str, title: str, points: tuple[float, ...], builders: Any, graph: Callable[[float], Any]
) -> Workload:
    def prepare() -> None:
        for point in points:
            graph(point).prepare()

    return Workload(
        name,
        title,
        {candidate: builders(candidate) for candidate in CANDIDATES},
        tags=frozenset({"sweep"}),
        prepare=prepare,
        points=tuple(map(float, points)),
    )


WORKLOADS = [
    sweep("sweep_matmul", "matmul n x n x n", SQUARES, lambda c: of_functions(square, c), square),
    sweep(
        "sweep_conv",
        f"convolution 3 x 3, {SIDE} x {SIDE} places, n to n channels",
        CHANNELS,
        of_convolutions,
        lambda point: Convolution(int(point)).as_inference(),
    ),
    sweep(
        "sweep_chain",
        "elementwise chain, n floats",
        LENGTHS,
        lambda c: of_functions(length, c),
        length,
    ),
]
