"""The last touches on the nodes that were written: names of outputs, biases inside convolutions, nothing unused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from onnx import AttributeProto, NodeProto, numpy_helper

from penstock_formats.onnx.writing._emitter import Emitter
from penstock_formats.onnx.writing._values import Value


def finish(emitter: Emitter, results: Sequence[Value], names: Sequence[str]) -> None:
    """Give the outputs their names and leave out what nobody uses.

    Args:
        emitter: The whole graph.
        results: The values of its outputs.
        names: What they are to be called.
    """
    made = {name for node in emitter.nodes for name in node.output}
    renamed: dict[str, str] = {}
    for value, name in zip(results, names, strict=True):
        if value.name in made and value.name not in renamed:
            renamed[value.name] = name
        else:
            emitter.op("Identity", value, dtype=value.dtype, name=name)
    for node in emitter.nodes:
        _rename(node, renamed)
    _fuse_biases(emitter, set(names))
    _drop_unused(emitter, set(names))
    _restore_names(emitter)


def _restore_names(emitter: Emitter) -> None:
    """Give a variable's name to what is left of it."""
    renamed: dict[str, str] = {}
    for fresh, name in emitter.wanted.items():
        if fresh in emitter.initializers and name not in emitter.initializers:
            renamed[fresh] = name
            emitter.initializers[name] = proto = emitter.initializers.pop(fresh)
            proto.name = name
    for node in emitter.nodes:
        _rename(node, renamed)


def _rename(node: NodeProto, names: Mapping[str, str]) -> None:
    for field in (node.input, node.output):
        field[:] = [names.get(name, name) for name in field]
    for inner in _inner_nodes(node):
        _rename(inner, names)


def _inner_nodes(node: NodeProto) -> Iterator[NodeProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield from attribute.g.node


def _uses(node: NodeProto) -> Iterator[str]:
    """Every name that a node, or a graph inside it, reads."""
    yield from node.input
    for inner in _inner_nodes(node):
        yield from _uses(inner)


def _drop_unused(emitter: Emitter, outputs: set[str]) -> None:
    used, kept = set(outputs), []
    for node in reversed(emitter.nodes):
        if used.intersection(node.output):
            kept.append(node)
            used.update(_uses(node))
    emitter.nodes[:] = reversed(kept)
    for name in [name for name in emitter.initializers if name not in used]:
        del emitter.initializers[name]


def _fuse_biases(emitter: Emitter, outputs: set[str]) -> None:
    """Make what is added to each channel after a convolution its third input."""
    makers = {name: node for node in emitter.nodes for name in node.output}
    uses = Counter(name for node in emitter.nodes for name in _uses(node))
    dropped = []
    for node in emitter.nodes:
        if node.op_type != "Add":
            continue
        for conv_name, other in (tuple(node.input), tuple(node.input)[::-1]):
            conv = makers.get(conv_name)
            if conv is None or not _takes_bias(conv) or uses[conv_name] > 1 or conv_name in outputs:
                continue
            bias = _vector(emitter, makers, other, conv)
            if bias:
                conv.input.append(bias)
                conv.output[0] = node.output[0]
                dropped.append(node)
                break
    for node in dropped:
        emitter.nodes.remove(node)


def _takes_bias(node: NodeProto) -> bool:
    return node.op_type in ("Conv", "ConvTranspose") and len(node.input) == 2


def _vector(
    emitter: Emitter, makers: Mapping[str, NodeProto], name: str, conv: NodeProto
) -> str | None:
    """Return the initializer of one number for each channel that stands behind an addend, if there is one."""
    weights = emitter.initializers.get(conv.input[1])
    if weights is None or conv.op_type != "Conv":
        return None
    sides = len(weights.dims) - 2
    column = [weights.dims[0], *[1] * sides]
    maker = makers.get(name)
    if maker is not None and maker.op_type == "Unsqueeze":
        axes = numpy_helper.to_array(emitter.initializers[maker.input[1]])
        vector = emitter.initializers.get(maker.input[0])
        fits = vector is not None and list(vector.dims) == column[:1]
        return maker.input[0] if fits and axes.tolist() == list(range(1, sides + 1)) else None
    constant = emitter.initializers.get(name)
    if constant is None or list(constant.dims) != column or constant.data_type == 16:
        return None
    array = numpy_helper.to_array(constant)
    return emitter.constant(np.reshape(array, -1), array.dtype.name).name
