"""A backbone with a new head, cut where learning begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_keras_api import tree
from penstock_models.adapt.blocks import Block, blocks_of
from penstock_models.adapt.strategy import Strategy

NORMS = (keras.layers.BatchNormalization,)


@dataclass
class Adapted:
    """A network with a new head, and what of it learns.

    Args:
        network: From the backbone's inputs to "logits".
        head: The layer that makes them.
        pooled: From the inputs to what the head takes.
        frozen: From the inputs to what enters the first block that learns; None if everything learns.
        learning: From there to "logits".
        blocks: The blocks that learn, from the inputs on; without the head.
        strategy: Which those are.
        above: From what enters the first block that learns to what the head takes; None if nothing is frozen.
    """

    network: keras.Model
    head: Any
    pooled: keras.Model
    frozen: keras.Model | None
    learning: keras.Model
    blocks: list[Block]
    strategy: Strategy
    above: keras.Model | None = None


def with_new_head(backbone: keras.Model, classes: int, strategy: Strategy) -> Adapted:
    """Put a head on a backbone, and freeze what does not learn.

    Args:
        backbone: A functional model with the output "pooled" [batch, width].
        classes: How many labels the head tells apart.
        strategy: What learns.

    Returns:
        The network and its parts. The head begins at zero.

    Raises:
        ValueError: The backbone has no such output, or fewer blocks than the strategy names.
    """
    pooled = _pooled(backbone)
    blocks = _learning_blocks(backbone, pooled, strategy)
    head = keras.layers.Dense(classes, kernel_initializer="zeros", name="classifier")
    logits = head(pooled)
    network: Any = keras.Model(backbone.input, {"logits": logits}, name=backbone.name)
    freeze(network, [] if strategy.kind == "lora" else blocks, head)
    begin = blocks[0].inputs if blocks else [pooled]
    whole = {id(t) for t in begin} <= {id(t) for t in network.inputs}
    frozen = None if whole else keras.Model(network.input, begin)
    learning = network if whole else keras.Model(begin, {"logits": logits})
    to_pooled = keras.Model(network.input, pooled)
    above = keras.Model(begin, pooled) if frozen is not None and blocks else None
    return Adapted(network, head, to_pooled, frozen, learning, blocks, strategy, above)


def _pooled(backbone: keras.Model) -> Any:
    made = backbone.output
    pooled = made.get("pooled") if isinstance(made, dict) else made
    if pooled is None or isinstance(pooled, list | tuple) or len(pooled.shape) != 2:
        raise InvalidValueError(
            f'[adapt] {backbone.name} has no output "pooled" [batch, width]; give a backbone that has one'
        )
    return pooled


def _learning_blocks(backbone: keras.Model, pooled: Any, strategy: Strategy) -> list[Block]:
    if strategy.kind in ("probe", "head"):
        return []
    if not backbone.weights:
        raise InvalidValueError(
            f'[adapt] this model is a finished graph: nothing in it can be trained, so that "{strategy}" is not '
            'possible; adapt it with "probe", or choose a preset that names an architecture'
        )
    blocks = blocks_of(backbone, pooled)
    if strategy.kind != "partial":
        return blocks
    if strategy.number > len(blocks):
        raise InvalidValueError(
            f'[adapt] got the strategy "{strategy}"; {backbone.name} has {len(blocks)} blocks: choose "partial:1" to '
            f'"partial:{len(blocks)}", or "full"'
        )
    return blocks[-strategy.number :]


def freeze(network: keras.Model, blocks: Sequence[Block], head: Any) -> None:
    """Let the blocks and the head learn, and nothing else; the statistics of batch norms stay in any case.

    Args:
        network: The whole.
        blocks: Those that learn.
        head: The layer that always learns.
    """
    network.trainable = True
    learning = {id(layer) for block in blocks for layer in block.layers} | {id(head)}
    for layer in network.layers:
        layer.trainable = id(layer) in learning
    for layer in network._flatten_layers():
        if isinstance(layer, NORMS):
            layer.trainable = False


def in_chunks(
    run: Callable[[Any], Any],
    count: int,
    batch: Callable[[np.ndarray[Any, Any]], Any],
    size: int = 16,
    order: np.ndarray[Any, Any] | None = None,
) -> Any:
    """Run a function over all examples, some at a time.

    Args:
        run: From a batch to tensors, in any structure.
        count: How many examples there are.
        batch: Returns the batch of some places.
        size: How many go at once.
        order: Places of all examples in the order in which they are run; None for as they are.

    Returns:
        Arrays for all examples, as they are, in the structure that `run` returns.
    """
    places = np.arange(count) if order is None else order
    made = [
        tree.map_structure(lambda t: t.numpy(), run(batch(places[at : at + size])))
        for at in range(0, count, size)
    ]
    back = np.argsort(places, kind="stable")
    return tree.map_structure(lambda *parts: np.concatenate(parts)[back], *made)


def compiled(model: keras.Model) -> Callable[[Any], Any]:
    """Return a model in inference state as one plan."""
    run: Callable[[Any], Any] = ps.function(lambda x: model(x, training=False), autograph=False)
    return run
