"""ResNet-50: a stem, 16 blocks of three convolutions with a way around them, and a dense layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from networks.layouts import Arrays, Draw

STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
CLASSES = 1000
SIDE = 224


def blocks() -> Iterator[tuple[str, int, int, int, bool]]:
    """Name every block; its channels inside, those that come in, its stride, whether its way around has a filter."""
    inputs = 64
    for i, (count, channels, stride) in enumerate(STAGES):
        for j in range(count):
            yield f"s{i}b{j}", channels, inputs, stride if j == 0 else 1, j == 0
            inputs = 4 * channels


def weights() -> Arrays:
    """Draw all weights, running means and variances among them."""
    draw = Draw()

    def conv(name: str, size: int, inputs: int, outputs: int) -> None:
        draw.he(name, size, size, inputs, outputs)
        # Small steps beside the way around, as trained networks take them; else activations would grow.
        scale = 0.2 if name.endswith("/c") else 1.0
        draw.uniform(f"{name}/scale", outputs, low=0.5 * scale, high=1.5 * scale)
        draw.normal(f"{name}/offset", outputs, scale=0.1)
        draw.normal(f"{name}/mean", outputs, scale=0.1)
        draw.uniform(f"{name}/variance", outputs, low=0.5, high=1.5)

    conv("stem", 7, 3, 64)
    for name, channels, inputs, _, around in blocks():
        conv(f"{name}/a", 1, inputs, channels)
        conv(f"{name}/b", 3, channels, channels)
        conv(f"{name}/c", 1, channels, 4 * channels)
        if around:
            conv(f"{name}/around", 1, inputs, 4 * channels)
    draw.normal("dense", 2048, CLASSES, scale=0.02)
    draw.constant("dense/bias", CLASSES)
    return draw.arrays


def forward(ops: Any, w: dict[str, Any], x: Any) -> Any:
    """Return scores of classes for images."""

    def conv(x: Any, name: str, stride: int = 1, pad: int = 0) -> Any:
        return ops.norm(ops.conv(x, w[name], stride, pad), w, name)

    x = ops.max_pool(ops.relu(conv(x, "stem", 2, 3)), 3, 2, 1)
    for name, _, _, stride, around in blocks():
        y = ops.relu(conv(x, f"{name}/a"))
        y = ops.relu(conv(y, f"{name}/b", stride, 1))
        y = conv(y, f"{name}/c")
        x = ops.relu(y + (conv(x, f"{name}/around", stride) if around else x))
    return ops.dense(ops.mean_of_places(x), w["dense"], w["dense/bias"])


def depthwise(name: str) -> bool:
    """Tell whether a filter is depthwise."""
    return False
