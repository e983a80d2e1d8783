"""Pairs of quantise and dequantise, as other tools write quantised models: taken out, with the scales that they had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from penstock import Graph, Tensor
from penstock.saved import GraphFunction
from penstock.transforms._models import Known
from penstock_quantization.integers import KEEP_SCALE, Ranges
from penstock_quantization.layers import LAYER_OPS, Node
from penstock_quantization.scales import HIGH, LOW, Scale

_BYTES: Final = ("int8", "uint8")
_LIMITS: Final = ("maximum", "minimum", "clip")
# What moves weights from a file's order of axes to ours.
_WEIGHT_MOVES: Final = ("transpose", "reshape", "identity", "cast")


@dataclass(frozen=True)
class Bytes:
    """Quantised numbers: scale · (values - zero).

    Args:
        values: The tensor of int8 or uint8.
        scale: float32, single or one for each channel.
        zero: int64, likewise.
    """

    values: Tensor
    scale: Any
    zero: Any


def scales_of_layers(graph: Graph) -> dict[str, Any]:
    """Find the scales that the weights of layers were rounded with, by the layers' names.

    Args:
        graph: As it was read: once it is simplified, small weights are floats.

    Returns:
        [channels] or [1] for each layer with such weights.
    """
    known, found = Known(), {}
    for node in graph.nodes:
        if node.op in LAYER_OPS:
            source = node.inputs[1]
            while source.node.op in _WEIGHT_MOVES:
                source = source.node.inputs[0]
            weights = dequantized(source, known)
            if weights is not None and not np.any(weights.zero):
                found[node.name] = weights.scale.reshape(-1)
    return found


def without_pairs(function: GraphFunction) -> tuple[GraphFunction, Ranges]:
    """Leave out the pairs of quantise and dequantise behind values.

    Args:
        function: Its weights are constants, or dequantised ones.

    Returns:
        The float function, and the scales of its values; none, if there are no pairs.
    """
    graph, known = function.graph.like(), Known()
    values: dict[int, Tensor] = {}
    ranges = Ranges()
    for node in function.graph.nodes:
        found = _pair(node, known)
        if found is not None:
            x, scale = found
            made = values[x.value_index]
            _remember(ranges, made, scale)
            values[node.outputs[0].value_index] = made
            continue
        given = [values[t.value_index] for t in node.inputs]
        if node.op in LAYER_OPS:
            given = _with_weights(graph, node, given, known)
        for old, new in zip(node.outputs, graph.copy_node(node, given), strict=True):
            values[old.value_index] = new
            if node.op in KEEP_SCALE and given[0].value_index in ranges:
                _remember(ranges, new, ranges.scales[given[0].value_index])
    graph.inputs = [values[t.value_index] for t in function.graph.inputs]
    graph.outputs = [values[t.value_index] for t in function.graph.outputs]
    made_function = GraphFunction(
        graph, function.name, list(function.inputs), list(function.outputs)
    )
    return made_function, ranges


def _remember(ranges: Ranges, t: Tensor, scale: Scale) -> None:
    low, high = (float(scale.scale) * (limit - int(scale.zero)) for limit in (LOW, HIGH))
    ranges[t.value_index] = low, high
    ranges.scales[t.value_index] = scale


def _with_weights(graph: Graph, node: Node, given: list[Tensor], known: Known) -> list[Tensor]:
    """Make the weights of a layer a constant."""
    weights = known.value(node.inputs[1])
    if weights is None or given[1].node.op == "constant":
        return given
    return [given[0], graph.constant(weights, f"{node.name.rsplit('/', 1)[-1]}_weights")]


def _pair(node: Node, known: Known) -> tuple[Tensor, Scale] | None:
    """Return what went through a pair that ends at this node, and its scale as one of int8."""
    if len(node.outputs) != 1:
        return None
    end = dequantized(node.outputs[0], known)
    begin = None if end is None else _quantized(end.values, known)
    if end is None or begin is None or end.scale.size != 1:
        return None
    if not np.array_equal(begin.scale, end.scale) or not np.array_equal(begin.zero, end.zero):
        return None
    moved = int(end.zero) - (128 if end.values.dtype.name == "uint8" else 0)
    return begin.values, Scale(np.float32(end.scale), np.int32(moved))


def dequantized(t: Tensor, known: Known) -> Bytes | None:
    """Return the bytes that a float stands for, if it is computed as a dequantisation."""
    node = t.node
    if node.op == "dequantize":
        scale, zero = (known.value(p) for p in node.inputs[1:])
        if scale is None or zero is None or node.inputs[0].dtype.name not in _BYTES:
            return None
        return _bytes(node.inputs[0], scale, zero)
    if node.op != "multiply":
        return None
    for steps, scale in _one_known(node, known):
        shifted = _behind_casts(steps)
        zero = None
        if shifted.node.op == "subtract":
            zero = known.value(shifted.node.inputs[1])
            shifted = shifted if zero is None else _behind_casts(shifted.node.inputs[0])
        if steps.node.op == "cast" and shifted.dtype.name in _BYTES:
            return _bytes(shifted, scale, zero)
    return None


def _quantized(t: Tensor, known: Known) -> Bytes | None:
    """Return the number that became a byte, in place of the byte, and how."""
    node = t.node
    if node.op == "quantize":
        scale, zero = (known.value(p) for p in node.inputs[1:])
        return None if scale is None or zero is None else _bytes(node.inputs[0], scale, zero)
    if node.op != "cast" or t.dtype.name not in _BYTES:
        return None
    at = node.inputs[0]
    while at.node.op in _LIMITS:
        at = next((x for x in at.node.inputs if known.value(x) is None), at.node.inputs[0])
    zero = None
    if at.node.op == "add":
        at, zero = next(iter(_one_known(at.node, known)), (at, None))
    if at.node.op != "round" or at.node.inputs[0].node.op != "divide":
        return None
    x, divisor = at.node.inputs[0].node.inputs
    scale = known.value(divisor)
    return None if scale is None else _bytes(x, scale, zero)


def _bytes(values: Tensor, scale: Tensor, zero: Tensor | None) -> Bytes:
    steps = np.asarray(scale.numpy(), np.float32)
    offset = np.zeros(steps.shape) if zero is None else zero.numpy()
    return Bytes(values, np.squeeze(steps), np.squeeze(np.asarray(offset, np.int64)))


def _one_known(node: Node, known: Known) -> Iterator[tuple[Tensor, Tensor]]:
    """Give the inputs of a node as a tensor and one whose value is known, for each way to see them so."""
    for x, y in (node.inputs, node.inputs[::-1]):
        value = known.value(y)
        if value is not None:
            yield x, value


def _behind_casts(t: Tensor) -> Tensor:
    while t.node.op == "cast" and t.dtype.name not in _BYTES:
        t = t.node.inputs[0]
    return t
