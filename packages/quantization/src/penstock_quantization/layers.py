"""Layers of a float graph: a convolution or product with constant weights, its bias and its activation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock import Graph, Tensor

Array = np.ndarray[Any, Any]
Node = Any

LAYER_OPS: Final = ("conv2d", "depthwise_conv2d", "matmul")
ACTIVATIONS: Final = ("relu", "relu6")


def value_of(t: Tensor) -> Array | None:
    """Return the value of a constant, or the one that a variable has now; None for what is computed."""
    if t.node.op == "constant":
        return np.asarray(t.node.attrs["value"])
    if t.node.op == "read_variable":
        return np.asarray(t.node.attrs["variable"].read())
    return None


@dataclass
class Layer:
    """A convolution, depthwise convolution or product, and what follows it at once.

    Args:
        node: The op itself.
        weights: Its second input.
        bias: What is added to each channel, or None.
        activation: "relu", "relu6" or None.
        last: The last node that belongs to it.
        inside: The nodes before the last one.
    """

    node: Node
    weights: Array
    bias: Array | None
    activation: str | None
    last: Node
    inside: list[Node] = field(default_factory=list)

    def take(self, node: Node) -> None:
        """Let the node that follows belong to the layer."""
        self.inside.append(self.last)
        self.last = node

    @property
    def name(self) -> str:
        """The op's name in its graph."""
        return str(self.node.name)

    @property
    def channels(self) -> int:
        """How many channels the result has."""
        shape = self.weights.shape
        return int(shape[2] * shape[3] if self.node.op == "depthwise_conv2d" else shape[-1])


def users_of(graph: Graph) -> dict[int, list[Node]]:
    """Find the nodes that use each value; an output of the graph counts as a use by None."""
    users: dict[int, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        for t in node.inputs:
            users[t.value_index].append(node)
    for t in graph.outputs:
        users[t.value_index].append(None)
    return users


def find_layers(graph: Graph) -> list[Layer]:
    """Find the layers of a graph.

    Args:
        graph: The graph; weights are constants or variables.

    Returns:
        The layers, in the order of the graph.

    Raises:
        Nothing.
    """
    users = users_of(graph)
    return [_grown(node, users) for node in graph.nodes if node.op in LAYER_OPS and _fits(node)]


def _fits(node: Node) -> bool:
    x, w = node.inputs[0], node.inputs[1]
    if value_of(w) is None or x.dtype != ps.float32 or w.dtype != ps.float32:
        return False
    if node.op == "matmul" and (
        len(w.shape) != 2 or node.attrs["transpose_x"] or node.attrs["transpose_y"]
    ):
        return False
    return value_of(x) is None


def _grown(node: Node, users: dict[int, list[Node]]) -> Layer:
    weights = value_of(node.inputs[1])
    assert weights is not None  # it fits
    layer = Layer(node, weights, None, None, node)
    following = _only_user(layer.last, users)
    if following is not None and following.op == "add":
        bias = _bias(layer, following)
        if bias is not None:
            layer.bias = bias
            layer.take(following)
            following = _only_user(following, users)
    if following is not None:
        _take_activation(layer, following, users)
    return layer


def _take_activation(layer: Layer, node: Node, users: dict[int, list[Node]]) -> None:
    """Let an activation belong to the layer, also where it is written as limits: max(x, 0), min(max(x, 0), 6)."""
    if node.op in ACTIVATIONS:
        layer.activation = node.op
        layer.take(node)
    elif _limits(node, "maximum", 0.0):
        layer.activation = "relu"
        layer.take(node)
        upper = _only_user(node, users)
        if upper is not None and _limits(upper, "minimum", 6.0):
            layer.activation = "relu6"
            layer.take(upper)


def _limits(node: Node, op: str, bound: float) -> bool:
    """Whether a node is this op of something and this number."""
    if node.op != op:
        return False
    values = [value_of(t) for t in node.inputs]
    return any(v is not None and v.size == 1 and float(v.item()) == bound for v in values)


def _only_user(node: Node, users: dict[int, list[Node]]) -> Node | None:
    following = users[node.outputs[0].value_index]
    return following[0] if len(following) == 1 else None


def _bias(layer: Layer, addition: Node) -> Array | None:
    """Return what is added, if it is one number for each channel."""
    for t, other in (addition.inputs, addition.inputs[::-1]):
        added = value_of(other)
        if added is None or t.value_index != layer.last.outputs[0].value_index:
            continue
        if added.shape[-1:] == (layer.channels,) and added.size == layer.channels:
            return added.reshape(-1)
    return None
