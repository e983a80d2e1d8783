"""MobileNetV2: blocks that widen by a 1x1 filter, filter each channel by itself, and narrow again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from networks.layouts import Arrays, Draw

# Widening, channels, blocks, stride.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
CLASSES = 1000
SIDE = 224


def blocks() -> Iterator[tuple[str, int, int, int, int]]:
    """Name every block; its widening, the channels that come in and go out, its stride."""
    inputs = 32
    for i, (widening, outputs, count, stride) in enumerate(STAGES):
        for j in range(count):
            yield f"s{i}b{j}", widening, inputs, outputs, stride if j == 0 else 1
            inputs = outputs


def weights() -> Arrays:
    """Draw all weights, running means and variances among them."""
    draw = Draw()

    def conv(name: str, size: int, inputs: int, outputs: int) -> None:
        draw.he(name, size, size, inputs, outputs)
        channels = inputs if depthwise(name) else outputs
        draw.uniform(f"{name}/scale", channels, low=0.5, high=1.5)
        draw.normal(f"{name}/offset", channels, scale=0.1)
        draw.normal(f"{name}/mean", channels, scale=0.1)
        draw.uniform(f"{name}/variance", channels, low=0.5, high=1.5)

    conv("stem", 3, 3, 32)
    for name, widening, inputs, outputs, _ in blocks():
        inside = inputs * widening
        if widening > 1:
            conv(f"{name}/widen", 1, inputs, inside)
        conv(f"{name}/depthwise", 3, inside, 1)
        conv(f"{name}/narrow", 1, inside, outputs)
    conv("last", 1, 320, 1280)
    draw.normal("dense", 1280, CLASSES, scale=0.02)
    draw.constant("dense/bias", CLASSES)
    return draw.arrays


def forward(ops: Any, w: dict[str, Any], x: Any) -> Any:
    """Return scores of classes for images."""

    def conv(x: Any, name: str, stride: int = 1, pad: int = 0) -> Any:
        filtered = (ops.depthwise if depthwise(name) else ops.conv)(x, w[name], stride, pad)
        return ops.norm(filtered, w, name)

    x = ops.relu6(conv(x, "stem", 2, 1))
    for name, widening, inputs, outputs, stride in blocks():
        y = ops.relu6(conv(x, f"{name}/widen")) if widening > 1 else x
        y = ops.relu6(conv(y, f"{name}/depthwise", stride, 1))
        y = conv(y, f"{name}/narrow")
        x = x + y if stride == 1 and inputs == outputs else y
    x = ops.relu6(conv(x, "last"))
    return ops.dense(ops.mean_of_places(x), w["dense"], w["dense/bias"])


def depthwise(name: str) -> bool:
    """Tell whether a filter is depthwise."""
    return name.endswith("/depthwise")
