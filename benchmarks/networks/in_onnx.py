"""The ops that networks are written in, as nodes of an ONNX graph. Channels are second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from networks.graphs import Graph
from networks.layouts import channels_second


@dataclass(frozen=True)
class Value:
    """A value of a graph; what is added to it makes a node."""

    ops: Ops
    name: str
    shape: tuple[int, ...] = ()

    def __add__(self, other: Value) -> Value:
        return self.ops.node("Add", self, other)


class Ops:
    """Names that every framework here gives; what they take and return is a `Value`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def node(self, op: str, *inputs: Value, **attributes: Any) -> Value:
        return Value(self, self.graph.node(op, *(value.name for value in inputs), **attributes))

    def constant(self, *numbers: int) -> Value:
        return Value(self, self.graph.weight(np.array(numbers, np.int64)))

    def relu(self, x: Value) -> Value:
        return self.node("Relu", x)

    def relu6(self, x: Value) -> Value:
        low, high = (Value(self, self.graph.weight(np.float32(limit))) for limit in (0, 6))
        return self.node("Clip", x, low, high)

    def gelu(self, x: Value) -> Value:
        return self.node("Gelu", x)

    def conv(self, x: Value, w: Value, stride: int = 1, pad: int = 0, group: int = 1) -> Value:
        sizes = {"kernel_shape": w.shape[2:], "strides": (stride,) * 2, "pads": (pad,) * 4}
        return self.node("Conv", x, w, group=group, **sizes)

    def depthwise(self, x: Value, w: Value, stride: int = 1, pad: int = 0) -> Value:
        return self.conv(x, w, stride, pad, w.shape[0])

    def norm(self, x: Value, w: dict[str, Value], name: str) -> Value:
        parts = (w[f"{name}/{part}"] for part in ("scale", "offset", "mean", "variance"))
        return self.node("BatchNormalization", x, *parts, epsilon=1e-3)

    def max_pool(self, x: Value, size: int, stride: int, pad: int = 0) -> Value:
        sizes = {"kernel_shape": (size,) * 2, "strides": (stride,) * 2, "pads": (pad,) * 4}
        return self.node("MaxPool", x, **sizes)

    def mean_of_places(self, x: Value) -> Value:
        return self.node("Flatten", self.node("GlobalAveragePool", x))

    def dense(self, x: Value, w: Value, b: Value) -> Value:
        return self.node("Add", self.node("MatMul", x, w), b)

    def embedding(self, table: Value, ids: Value) -> Value:
        return self.node("Gather", table, ids)

    def rows(self, table: Value, ids: Value) -> Value:
        length = self.node("Shape", ids, start=1, end=2)
        return self.node("Slice", table, self.constant(0), length, self.constant(0))

    def layer_norm(self, x: Value, scale: Value, offset: Value) -> Value:
        return self.node("LayerNormalization", x, scale, offset, epsilon=1e-5)

    def attention(self, q: Value, k: Value, v: Value, heads: int, depth: int) -> Value:
        apart = self.constant(0, 0, heads, depth)
        parts = [
            self.node("Transpose", self.node("Reshape", t, apart), perm=order)
            for t, order in ((q, (0, 2, 1, 3)), (k, (0, 2, 3, 1)), (v, (0, 2, 1, 3)))
        ]
        root = Value(self, self.graph.weight(np.float32(depth**0.5)))
        scores = self.node("Div", self.node("MatMul", parts[0], parts[1]), root)
        weights = self.node("Softmax", scores, axis=-1)
        mixed = self.node("Transpose", self.node("MatMul", weights, parts[2]), perm=(0, 2, 1, 3))
        return self.node("Reshape", mixed, self.constant(0, 0, -1))


def values(
    ops: Ops,
    arrays: dict[str, np.ndarray],
    places: dict[str, tuple[int, ...]],
    depthwise: frozenset[str],
) -> dict[str, Value]:
    """Put weights into the graph."""
    turned = channels_second(arrays, places, depthwise)
    return {k: Value(ops, ops.graph.weight(v), v.shape) for k, v in turned.items()}
