"""A float graph rewritten to integer ops, with quantise and dequantise where the two kinds of numbers meet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock import Graph, Tensor
from penstock.saved import GraphFunction
from penstock_quantization.layers import ACTIVATIONS, Layer, Node, find_layers, users_of, value_of
from penstock_quantization.scales import Scale, quantize_weights, scale_of_range, scales_of_weights

# Ops that move numbers without computing any: integers go through with their scale.
MOVES: Final = (
    "reshape",
    "squeeze",
    "expand_dims",
    "transpose",
    "slice",
    "broadcast_to",
    "identity",
    "max_pool2d",
)
# Ops whose results have the scale of what they get.
KEEP_SCALE: Final = (*MOVES, "pad", "avg_pool2d", "mean")


class Ranges(dict[int, tuple[float, float]]):
    """The limits of values by their `value_index`; and the mean of each channel of those that layers take.

    Args:
        limits: The least and the largest number of each value.
        means: [channels] for each value; empty if they are not known.

    Scales that somebody else chose are in `scales`, and for the weights of layers, by name, in `weight_scales`.
    """

    def __init__(
        self,
        limits: Mapping[int, tuple[float, float]] | None = None,
        means: Mapping[int, Any] | None = None,
    ) -> None:
        super().__init__(limits or {})
        self.means = dict(means or {})
        self.scales: dict[int, Scale] = {}
        self.weight_scales: dict[str, Any] = {}


@dataclass(frozen=True)
class Choice:
    """How layers become integers.

    Args:
        bits: Of the weights, 2 to 8; they are kept as int8.
        per_channel: A scale for each channel of the weights.
        keep_float: Names of layers that stay as they are.
    """

    bits: int = 8
    per_channel: bool = True
    keep_float: Collection[str] = ()


@dataclass
class Integers:
    """A tensor of int8, and what it stands for."""

    values: Tensor
    scale: Scale


class IntegerBuilder:
    """Builds the integer graph of a float function.

    Args:
        function: Its weights are constants.
        ranges: The limits of its values, by their `value_index`.
        choice: What is quantised and how.
    """

    def __init__(self, function: GraphFunction, ranges: Ranges, choice: Choice) -> None:
        self.function, self.ranges, self.choice = function, ranges, choice
        self.graph: Graph = function.graph.like()
        self.layers = {layer.last.index: layer for layer in find_layers(function.graph)}
        self.users = users_of(function.graph)
        self.floats: dict[int, Tensor] = {}
        self.ints: dict[int, Integers] = {}
        self.quantized: list[Layer] = []
        self.scaled: set[int] = set()  # values that have a scale of their own
        self._inner = self._nodes_inside_layers()

    def build(self, probes: bool = False) -> GraphFunction:
        """Build the graph.

        Args:
            probes: Make the results of the quantised layers its outputs, under their names, instead of the function's.

        Returns:
            The integer function.
        """
        source = self.function.graph
        with self.graph.as_default():
            for node in source.nodes:
                self._emit(node)
            outputs, names = source.outputs, list(self.function.outputs)
            if probes:
                outputs = [layer.last.outputs[0] for layer in self.quantized]
                names = [layer.name for layer in self.quantized]
            made = [self.as_float(t) for t in outputs]
        self.graph.inputs = [self.floats[t.value_index] for t in source.inputs]
        self.graph.outputs = made
        return GraphFunction(self.graph, self.function.name, list(self.function.inputs), names)

    # ---- values

    def as_float(self, t: Tensor) -> Tensor:
        """Return what stands for a value as a float, or as what it was."""
        key = t.value_index
        if key not in self.floats:
            held = self.ints.get(key)
            if held is None:  # a constant or a transpose, which are copied when they are needed
                inputs = [self.as_float(given) for given in t.node.inputs]
                (self.floats[key],) = self.graph.copy_node(t.node, inputs)
            else:
                self.floats[key] = ps.dequantize(held.values, held.scale.scale, held.scale.zero)
        return self.floats[key]

    def as_integers(self, t: Tensor) -> Integers:
        """Return what stands for a value as int8."""
        key = t.value_index
        if key not in self.ints:
            scale = self.own_scale(t)
            self.ints[key] = Integers(self._quantized(t, scale), scale)
        return self.ints[key]

    def _quantized(self, t: Tensor, scale: Scale) -> Tensor:
        """Quantise a float value; before a transpose, for bytes are less to move."""
        if t.node.op != "transpose":
            return ps.quantize(self.as_float(t), scale.scale, scale.zero)
        return ps.transpose(self._quantized(t.node.inputs[0], scale), **t.node.attrs)

    def may_be_integers(self, t: Tensor) -> bool:
        """Whether a value is int8 or has known limits."""
        return t.value_index in self.ints or (
            t.value_index in self.ranges and t.dtype == ps.float32
        )

    # ---- nodes

    def _nodes_inside_layers(self) -> set[int]:
        inside = set()
        for layer in self.layers.values():
            if not self._stays(layer):
                inside |= {node.index for node in layer.inside}
        return inside

    def _stays(self, layer: Layer) -> bool:
        x, y = layer.node.inputs[0], layer.last.outputs[0]
        known = x.value_index in self.ranges and y.value_index in self.ranges
        return not known or layer.name in self.choice.keep_float

    def _emit(self, node: Node) -> None:
        if node.index in self._inner or node.op in ("constant", "read_variable"):
            return
        layer = self.layers.get(node.index)
        if layer is not None and not self._stays(layer):
            self._emit_layer(layer)
            return
        rule = RULES.get(node.op)
        if (rule is not None and rule(self, node)) or node.op == "transpose":
            return
        self._copy(node)

    def _copy(self, node: Node) -> None:
        made = self.graph.copy_node(node, [self.as_float(t) for t in node.inputs])
        for old, new in zip(node.outputs, made, strict=True):
            self.floats[old.value_index] = new

    def give(self, node: Node, values: Tensor, scale: Scale) -> bool:
        """Let integers stand for a node's result."""
        values.node.rename(node.name)
        self.ints[node.outputs[0].value_index] = Integers(values, scale)
        return True

    def own_scale(self, t: Tensor) -> Scale:
        """Choose the scale of a value by its limits, if it has none."""
        self.scaled.add(t.value_index)
        given = self.ranges.scales.get(t.value_index)
        return given if given is not None else scale_of_range(*self.ranges[t.value_index])

    def result_scale(self, node: Node) -> Scale:
        """Choose the scale of a node's result."""
        return self.own_scale(node.outputs[0])

    def last_of(self, node: Node) -> Node:
        """Return the activation that alone uses a node's result, if its limits are known; or the node."""
        following = self.users[node.outputs[0].value_index]
        if len(following) != 1 or following[0] is None or following[0].op not in ACTIVATIONS:
            return node
        known = following[0].outputs[0].value_index in self.ranges
        return following[0] if known else node

    def skip(self, node: Node) -> None:
        """Leave a node out, for the one before did its work."""
        self._inner.add(node.index)

    def _emit_layer(self, layer: Layer) -> None:
        node, choice = layer.node, self.choice
        x, y = self.as_integers(node.inputs[0]), self.result_scale(layer.last)
        channels = layer.channels
        scales = self.ranges.weight_scales.get(layer.name)
        if scales is None or not fits(layer.weights, scales, channels):
            scales = scales_of_weights(layer.weights, channels, choice.bits, choice.per_channel)
        scales = wide_enough(scales, layer.bias, x.scale)
        weights = quantize_weights(layer.weights, scales, channels, choice.bits)
        values = INTEGER_LAYERS[node.op](
            x.values,
            weights,
            self._integer_bias(layer, x.scale, scales, weights),
            x.scale.scale,
            x.scale.zero,
            scales,
            np.zeros(scales.shape, np.int32),
            y.scale,
            y.zero,
            activation=layer.activation,
            **{k: v for k, v in node.attrs.items() if k in ATTRIBUTES},
        )
        self.quantized.append(layer)
        self.give(layer.node, values, y)
        self.ints[layer.last.outputs[0].value_index] = Integers(values, y)

    def _integer_bias(self, layer: Layer, x: Scale, scales: Any, weights: Any) -> Any:
        """Return the bias in steps of the sums, less what rounding the weights adds to them on average."""
        bias = np.zeros(layer.channels) if layer.bias is None else layer.bias.astype(np.float64)
        bias = bias - mean_error(layer, self.ranges, weights.reshape(-1, layer.channels) * scales)
        steps = bias / (np.float64(x.scale) * scales.astype(np.float64))
        return np.clip(np.round(steps), -(2**31), 2**31 - 1).astype(np.int32)


def fits(weights: Any, scales: Any, channels: int) -> bool:
    """Whether weights become integers of -127 to 127 with given scales: one, or one for each channel."""
    if scales.size not in (1, channels):
        return False
    return bool((np.abs(weights.reshape(-1, channels)) <= 127.5 * scales).all())


def wide_enough(scales: Any, bias: Any, x: Scale) -> Any:
    """Widen the steps of weights that are so small that a bias in steps of the sums would not fit in 32 bits."""
    if bias is None:
        return scales
    least = np.abs(bias.astype(np.float64)) / (np.float64(x.scale) * 2**30)
    return np.maximum(scales, least if scales.ndim else least.max(initial=0.0)).astype(np.float32)


def mean_error(layer: Layer, ranges: Ranges, rounded: Any) -> Any:
    """Return what rounded weights [..., channels] add to each channel on average; 0 where no means are known."""
    mean = ranges.means.get(layer.node.inputs[0].value_index)
    if mean is None:
        return np.zeros(layer.channels)
    error = rounded - layer.weights.reshape(-1, layer.channels)
    return (error * _mean_of_rows(layer, mean)).sum(axis=0)


def _mean_of_rows(layer: Layer, mean: Any) -> Any:
    """Bring the means of the input's channels to the shape of [weights of a channel, channels]."""
    if layer.node.op == "depthwise_conv2d":
        return np.repeat(mean, layer.channels // len(mean))
    groups = layer.node.attrs.get("groups", 1)
    taps = layer.weights.size // layer.channels // (len(mean) // groups)
    each = np.tile(mean.reshape(groups, -1), (1, taps)).T
    return np.repeat(each, layer.channels // groups, axis=1)


INTEGER_LAYERS: Final[dict[str, Callable[..., Tensor]]] = {
    "conv2d": ps.quantized_conv2d,
    "depthwise_conv2d": ps.quantized_depthwise_conv2d,
    "matmul": ps.quantized_matmul,
}
INT8_MIN: Final = -128
ATTRIBUTES: Final = ("strides", "padding", "explicit_padding", "dilations", "groups")


# ---- ops between layers; each says whether it made integers


def _move(b: IntegerBuilder, node: Node) -> bool:
    x = node.inputs[0]
    if x.value_index not in b.ints or not all(value_of(t) is not None for t in node.inputs[1:]):
        return False
    held = b.ints[x.value_index]
    return b.give(node, node.op_function(held.values, **node.attrs), held.scale)


def _pad(b: IntegerBuilder, node: Node) -> bool:
    held = b.ints.get(node.inputs[0].value_index)
    value = node.attrs.get("value", 0.0)
    below_all = value == -np.inf and _is_for_windows(b, node)
    if held is None or (value != 0 and not below_all):
        return False
    attrs = {**node.attrs, "value": INT8_MIN if below_all else int(held.scale.zero)}
    return b.give(node, node.op_function(held.values, **attrs), held.scale)


def _is_for_windows(b: IntegerBuilder, node: Node) -> bool:
    """Whether a pad is only used by max pools whose every window sees something else, too."""
    widths = list(node.attrs["pad_width"])
    if len(widths) != 8 or not all(isinstance(w, int) for w in widths):
        return False
    if any(widths[:2] + widths[6:]):  # only height and width
        return False
    return all(
        user is not None
        and user.op == "max_pool2d"
        and user.attrs["padding"] == "valid"
        and max(widths[2:4]) < user.attrs["pool_size"][0]
        and max(widths[4:6]) < user.attrs["pool_size"][1]
        for user in b.users[node.outputs[0].value_index]
    )


def _average(b: IntegerBuilder, node: Node) -> bool:
    held = b.ints.get(node.inputs[0].value_index)
    if held is None:
        return False
    attrs = {k: node.attrs[k] for k in ("pool_size", "strides", "padding")}
    return b.give(node, ps.quantized_avg_pool2d(held.values, **attrs), held.scale)


def _mean(b: IntegerBuilder, node: Node) -> bool:
    """Take the mean over height and width as one large window, with the scale of what it averages."""
    x = node.inputs[0]
    held = b.ints.get(x.value_index)
    sizes = x.shape[1:3]
    axes = node.attrs.get("axis")
    if (
        held is not None
        and b.ranges.scales.get(node.outputs[0].value_index, held.scale) != held.scale
    ):
        return False  # means have a scale of their own, finer than that of what they average
    if (
        held is None
        or len(x.shape) != 4
        or axes is None
        or node.outputs[0].value_index not in b.ranges
    ):
        return False
    if sorted(a % 4 for a in axes) != [1, 2] or not all(isinstance(size, int) for size in sizes):
        return False
    y = ps.quantized_avg_pool2d(held.values, tuple(sizes))
    return b.give(node, ps.reshape(y, node.outputs[0].shape), held.scale)


def _pair(op: Callable[..., Tensor]) -> Callable[[IntegerBuilder, Node], bool]:
    def rule(b: IntegerBuilder, node: Node) -> bool:
        known = [t.value_index in b.ints for t in node.inputs]
        computed = all(value_of(t) is None and b.may_be_integers(t) for t in node.inputs)
        last = b.last_of(node)
        if not any(known) or not computed or last.outputs[0].value_index not in b.ranges:
            return False
        x, y = (b.as_integers(t) for t in node.inputs)
        z = b.result_scale(last)
        if last is not node:
            b.skip(last)
        values = op(
            *(x.values, y.values),
            *(x.scale.scale, x.scale.zero, y.scale.scale, y.scale.zero, z.scale, z.zero),
            activation=None if last is node else last.op,
        )
        b.give(last, values, z)
        return b.give(node, values, z)

    return rule


def _activation(b: IntegerBuilder, node: Node) -> bool:
    """Let the limits of int8 cut off what is below 0: the result's scale gives no integer to it."""
    held = b.ints.get(node.inputs[0].value_index)
    if held is None or node.outputs[0].value_index not in b.ranges:
        return False
    if b.ranges[node.outputs[0].value_index][0] < 0:
        return False
    scale = b.result_scale(node)
    return b.give(
        node,
        ps.requantize(held.values, held.scale.scale, held.scale.zero, scale.scale, scale.zero),
        scale,
    )


def _concat(b: IntegerBuilder, node: Node) -> bool:
    known = [t.value_index in b.ints for t in node.inputs]
    if not any(known) or not all(b.may_be_integers(t) for t in node.inputs):
        return False
    if node.outputs[0].value_index not in b.ranges:
        return False
    parts, z = [b.as_integers(t) for t in node.inputs], b.result_scale(node)
    values = ps.quantized_concat(
        [p.values for p in parts],
        np.stack([p.scale.scale for p in parts]),
        np.stack([p.scale.zero for p in parts]),
        z.scale,
        z.zero,
        axis=node.attrs["axis"],
    )
    return b.give(node, values, z)


Rule = Callable[[IntegerBuilder, Node], bool]
RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(MOVES, _move),
    "pad": _pad,
    "avg_pool2d": _average,
    "mean": _mean,
    "add": _pair(ps.quantized_add),
    "multiply": _pair(ps.quantized_multiply),
    "relu": _activation,
    "relu6": _activation,
    "concat": _concat,
}
WATCHED: Final = tuple(RULES)
"""Ops whose inputs and results calibration looks at, besides those of layers."""
