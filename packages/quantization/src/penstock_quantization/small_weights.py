"""Methods that leave activations float: weights of 4 or 8 bits, products in int8 per call, and bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock.graph import eagerly
from penstock.saved import GraphFunction
from penstock_quantization.integers import Choice, Ranges, mean_error
from penstock_quantization.layers import Layer, Node, find_layers
from penstock_quantization.scales import quantize_weights, scales_of_weights

Array = np.ndarray[Any, Any]
# Replaces a layer's op, given its input, and says what the weights became and how many bytes they take.
Rebuilt = tuple[Tensor, str, int]


def group_count(depth: int, group_size: int) -> int:
    """Return into how many groups of equal, even size `depth` rows of weights are cut, about `group_size` each.

    Example:
        >>> group_count(256, 64), group_count(100, 64), group_count(7, 64)
        (4, 2, 1)
    """
    for groups in range(max(1, -(-depth // group_size)), depth // 2 + 1):
        if depth % (2 * groups) == 0:
            return groups
    return 1


def quantize_groups(weights: Array, bits: int, groups: int) -> tuple[Array, Array]:
    """Quantise the rows of a matrix in groups.

    Args:
        weights: [channels in, channels out].
        bits: 4 or 8.
        groups: How many groups the channels in are cut into.

    Returns:
        int8 integers of the same shape, and scales [groups, channels out].
    """
    depth, out = weights.shape
    columns = weights.reshape(groups, depth // groups, out).transpose(1, 0, 2)
    scales = scales_of_weights(columns, groups * out, bits, True)
    steps = quantize_weights(columns.reshape(-1, groups * out), scales, groups * out, bits)
    integers = steps.reshape(depth // groups, groups, out).transpose(1, 0, 2)
    return np.ascontiguousarray(integers.reshape(depth, out)), scales.reshape(groups, out)


def pack_nibbles(integers: Array) -> Array:
    """Put two rows of numbers from -8 to 7 into each row of bytes, the first into the low four bits.

    Example:
        >>> pack_nibbles(np.array([[3], [-4]], "int8"))
        array([[75]], dtype=uint8)
    """
    raised = (integers + 8).astype(np.uint8)
    packed: Array = raised[0::2] | raised[1::2] << 4
    return packed


def unpack_nibbles(packed: Tensor) -> Tensor:
    """Undo `pack_nibbles`, by ops of the graph."""
    low, high = packed & np.asarray(15, "uint8"), packed >> np.asarray(4, "uint8")
    pairs = ps.cast(ps.stack([low, high], axis=1), "int8") - np.asarray(8, "int8")
    return ps.reshape(pairs, (packed.shape[0] * 2, packed.shape[1]))


# ---- methods: each makes a layer's op again


def _weight_only(
    layer: Layer, x: Tensor, choice: Choice, group_size: int, ranges: Ranges
) -> Rebuilt:
    depth = layer.weights.size // layer.channels
    matrix = layer.weights.reshape(depth, layer.channels)
    bits = choice.bits if depth % 2 == 0 else 8
    groups = group_count(depth, group_size)
    integers, scales = quantize_groups(matrix, bits, groups)
    stored = pack_nibbles(integers) if bits == 4 else integers
    size = stored.nbytes + scales.nbytes
    rounded = np.repeat(scales, depth // groups, axis=0) * integers
    shift = -mean_error(layer, ranges, rounded).astype("float32")
    if layer.node.op == "matmul":
        made = ps.weight_only_matmul(x, stored, scales, bits=bits)
        return made + shift, f"int{bits}", size
    # Convolutions get their float weights back when the graph is made ready to run.
    steps = unpack_nibbles(_constant(stored)) if bits == 4 else _constant(stored)
    grouped = ps.reshape(ps.cast(steps, "float32"), (groups, depth // groups, layer.channels))
    weights = ps.reshape(grouped * scales.reshape(groups, 1, -1), layer.weights.shape)
    return layer.node.op_function(x, weights, **layer.node.attrs) + shift, f"int{bits}", size


def _dynamic(
    layer: Layer, x: Tensor, choice: Choice, group_size: int, ranges: Ranges
) -> Rebuilt | None:
    del group_size, ranges
    if layer.node.op != "matmul":
        return None
    scales = scales_of_weights(layer.weights, layer.channels, 8, True)
    integers = quantize_weights(layer.weights, scales, layer.channels, choice.bits)
    size = integers.nbytes + scales.nbytes
    return ps.dynamic_quantized_matmul(x, integers, scales), "int8", size


def _bfloat16(layer: Layer, x: Tensor, choice: Choice, group_size: int, ranges: Ranges) -> Rebuilt:
    del choice, group_size, ranges
    with eagerly():
        stored = ps.cast(ps.asarray(layer.weights), "bfloat16")
    weights = ps.cast(_constant(stored), "float32")
    made = layer.node.op_function(x, weights, **layer.node.attrs)
    return made, "bfloat16", 2 * int(layer.weights.size)


def _constant(value: Any) -> Tensor:
    """Put a value into the graph that is being built."""
    graph = ps.current_graph()
    assert graph is not None  # rebuild pushed it
    return graph.constant(ps.asarray(value))


FLOAT_METHODS: Final[dict[str, Callable[[Layer, Tensor, Choice, int, Ranges], Rebuilt | None]]] = {
    "weight_only": _weight_only,
    "dynamic": _dynamic,
    "bfloat16": _bfloat16,
}


def rebuild(
    function: GraphFunction, method: str, choice: Choice, group_size: int, ranges: Ranges
) -> tuple[GraphFunction, dict[str, tuple[str, int]]]:
    """Build a function again with other weights.

    Args:
        function: The float function, with constant weights.
        method: "weight_only", "dynamic" or "bfloat16".
        choice: How many bits, and which layers stay.
        group_size: How many weights share a scale.
        ranges: With the means of what layers take; what rounding adds on average is taken off again.

    Returns:
        The function; and for each layer that changed, what its weights became and their bytes.
    """
    layers = {x.node.index: x for x in find_layers(function.graph)}
    graph = function.graph.like()
    values: dict[int, Tensor] = {}
    changed: dict[str, tuple[str, int]] = {}

    def value(t: Tensor) -> Tensor:
        if t.value_index not in values:  # a constant that is still needed
            (values[t.value_index],) = graph.copy_node(t.node, [])
        return values[t.value_index]

    def made(node: Node) -> list[Tensor]:
        layer = layers.get(node.index)
        if layer is not None and layer.name not in choice.keep_float:
            new = FLOAT_METHODS[method](layer, value(node.inputs[0]), choice, group_size, ranges)
            if new is not None:
                changed[layer.name] = new[1:]
                return [new[0]]
        return list(graph.copy_node(node, [value(t) for t in node.inputs]))

    with graph.as_default():
        for node in function.graph.nodes:
            if node.op != "constant":
                outputs = made(node)
                outputs[0].node.rename(node.name)
                for old, new in zip(node.outputs, outputs, strict=True):
                    values[old.value_index] = new
    graph.inputs = [values[t.value_index] for t in function.graph.inputs]
    graph.outputs = [value(t) for t in function.graph.outputs]
    inputs, outputs_names = list(function.inputs), list(function.outputs)
    return GraphFunction(graph, function.name, inputs, outputs_names), changed
