"""A network cut into blocks: the places where one tensor alone carries everything on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import penstock_keras_api as keras
from penstock.errors import InvalidValueError

DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


@dataclass
class Block:
    """A piece of a network between two cuts.

    Args:
        inputs: The tensors that enter it: what the blocks before made, and what comes from the inputs unchanged.
        layers: Its layers that have weights.
    """

    inputs: list[Any]
    layers: list[Any]
    key: str = ""
    joins: bool = False
    nodes: list[Any] = field(default_factory=list)


def blocks_of(network: keras.Model, end: Any) -> list[Block]:
    """Return the blocks that lead from a network's inputs to a tensor.

    A residual block is one, since two tensors cross its inside. Layers without weights and norms belong to the block
    before them, a convolution of each channel alone to the block after it, and layers whose names begin with the same
    number, such as "block_3_expand" and "block_3_reduce", to one.

    Args:
        network: A functional model.
        end: The tensor where the last block ends, such as that of the output "pooled".

    Returns:
        The blocks, from the inputs on.

    Raises:
        ValueError: The model is not functional, or it has no weights.
    """
    if not isinstance(getattr(network, "_nodes", None), list):
        raise InvalidValueError(
            f"[adapt] {network.name} is no functional model, so its blocks are not known; make it of keras.Input and "
            'layers, or choose "probe"'
        )
    whole = keras.Model(network.input, end)
    return [block for block in _merged(_segments(whole)) if block.layers]


def _segments(network: Any) -> list[Block]:
    """Return the pieces between all places that one tensor with a history of weights crosses."""
    nodes = [node for node in network._nodes if not node.is_input]
    weighted = _depends_on_weights(nodes)
    last = _last_uses(nodes, network.outputs)
    live: dict[int, Any] = {id(t): t for t in network.inputs}
    found: list[Block] = []
    for place, node in enumerate(nodes):
        live = {key: t for key, t in live.items() if last[key] >= place}
        if sum(key in weighted for key in live) <= 1:
            found.append(Block(list(live.values()), []))
        layers = [node.operation] if getattr(node.operation, "weights", None) else []
        found[-1].layers += [layer for layer in layers if layer not in found[-1].layers]
        found[-1].joins |= len({id(t) for t in node.input_tensors if id(t) in weighted}) > 1
        found[-1].nodes.append(node)
        live |= {id(t): t for t in node.output_tensors if id(t) in last}
    return found


def _depends_on_weights(nodes: Sequence[Any]) -> set[int]:
    found: set[int] = set()
    for node in nodes:
        if getattr(node.operation, "weights", None) or any(
            id(t) in found for t in node.input_tensors
        ):
            found |= {id(t) for t in node.output_tensors}
    return found


def _last_uses(nodes: Sequence[Any], outputs: Sequence[Any]) -> dict[int, int]:
    last = {id(t): place for place, node in enumerate(nodes) for t in node.input_tensors}
    return last | {id(t): len(nodes) for t in outputs}


def _merged(segments: Sequence[Block]) -> list[Block]:
    found: list[Block] = []
    for segment in segments:
        segment.key = _number_of(segment)
        if found and _belongs(found[-1], segment):
            _extend(found[-1], segment)
        else:
            found.append(segment)
    return found


def _extend(block: Block, segment: Block) -> None:
    block.layers += [layer for layer in segment.layers if layer not in block.layers]
    block.joins |= segment.joins


def _belongs(block: Block, segment: Block) -> bool:
    if not _main(segment.layers):
        return True
    if not _main(block.layers) or all(
        isinstance(layer, DEPTHWISE) for layer in _main(block.layers)
    ):
        return True
    return bool(segment.key) and segment.key == block.key and not (segment.joins or block.joins)


def _main(layers: Sequence[Any]) -> list[Any]:
    """Return the layers with a matrix: not the norms, scales and positions."""
    return [layer for layer in layers if any(len(w.shape) > 1 for w in layer.weights)]


def _number_of(segment: Block) -> str:
    name = segment.layers[0].name if segment.layers else ""
    found = re.match(r".*?[0-9]+[a-z]?(?=_)", name)
    return found[0] if found else ""
