"""A step of training: gradients, rates by depth, and the running mean of weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock_models.adapt.blocks import Block
from penstock_models.adapt.dice import states_of
from penstock_models.adapt.lora import attach
from penstock_models.adapt.network import Adapted
from penstock_models.adapt.recipe import Recipe

LONGEST = 1.0  # of all gradients together


class Learner:
    """The layers that learn, with an optimizer for each block.

    Args:
        adapted: The network and its parts.
        recipe: Rates, decay and the momentum of the mean.
    """

    def __init__(self, adapted: Adapted, recipe: Recipe) -> None:
        self.recipe = recipe
        self._model = adapted.learning
        rank = adapted.strategy.number if adapted.strategy.kind == "lora" else 0
        self._small = attach(adapted.blocks, rank, recipe.seed) if rank else []
        by_block = (
            [[w for small in block for w in (small.a, small.b)] for block in self._small]
            if rank
            else [_trainable(block) for block in adapted.blocks]
        )
        self.groups = _groups(by_block, adapted.head.trainable_weights, recipe)
        self.weights = [w for _, weights in self.groups for w in weights]
        self.optimizers = [_optimizer(weights, recipe) for _, weights in self.groups]
        self.means = [ps.Variable(w.numpy(), name="mean") for w in self.weights]
        self.logits: Callable[[Any], Any] = ps.function(
            lambda x: self._model(x, training=False)["logits"], autograph=False
        )
        self._step = ps.function(self._take, autograph=False)
        self.steps = 0

    def _take(self, x: Any, y: Any, weight: Any, scale: Any, momentum: Any) -> tuple[Any, Any]:
        with ps.GradientTape() as tape:
            logits = self._model(x, training=True)["logits"]
            losses = -ps.sum(y * ps.nn.log_softmax(logits, axis=-1), axis=-1)
            loss = ps.mean(losses * weight)
        gradients = tape.gradient(loss, self.weights)
        gradients, _ = ps.nn.clip_by_global_norm([ps.asarray(g) for g in gradients], LONGEST)
        given = iter(gradients)
        for (rate, weights), optimizer in zip(self.groups, self.optimizers, strict=True):
            optimizer.learning_rate = scale * rate
            optimizer.apply([next(given) for _ in weights], weights)
        if self.recipe.average:
            for mean, w in zip(self.means, self.weights, strict=True):
                mean.assign(mean * momentum + w.value * (1.0 - momentum))
        hits = ps.sum(ps.cast(ps.argmax(logits, -1) == ps.argmax(y, -1), "float32"))
        return loss, hits

    def step(self, x: Any, y: Any, weight: Any, scale: float) -> tuple[Any, Any]:
        """Take a step.

        Args:
            x: What enters the layers that learn.
            y: The probability of each label, [batch, labels].
            weight: How much each example counts, [batch].
            scale: What all rates are multiplied by.

        Returns:
            The loss, and how many answers were right.
        """
        self.steps += 1
        momentum = min(self.recipe.average, self.steps / (self.steps + 10))
        numbers = (np.float32(scale), np.float32(momentum))
        made: tuple[Any, Any] = self._step(x, y, weight, *map(ps.asarray, numbers))
        return made

    # ---- states

    def kept(self) -> list[np.ndarray[Any, Any]]:
        """Return the weights that the training is for: the means, or the last ones."""
        source = self.means if self.recipe.average and self.steps else self.weights
        return [v.numpy() for v in source]

    def put(self, values: list[np.ndarray[Any, Any]]) -> None:
        """Give the network these weights."""
        for weight, value in zip(self.weights, values, strict=True):
            weight.assign(value)

    def finish(self, values: list[np.ndarray[Any, Any]]) -> None:
        """Give the network these weights, with the small matrices added to the large ones."""
        self.put(values)
        for small in (small for block in self._small for small in block):
            small.merge()

    def variables(self) -> list[Any]:
        """Return everything that a step changes."""
        optimizers = (v for o in self.optimizers for v in o.variables)
        return [*self.weights, *self.means, *optimizers, *states_of(self._model)]


def _trainable(block: Block) -> list[Any]:
    return [w for layer in block.layers for w in layer.trainable_weights]


def _groups(
    by_block: Sequence[Sequence[Any]], head: list[Any], recipe: Recipe
) -> list[tuple[float, list[Any]]]:
    """Return the weights of each block, with their rate, and the head's last; each weight once."""
    groups: list[tuple[float, list[Any]]] = []
    seen: set[int] = set()
    for depth, block in zip(range(len(by_block) - 1, -1, -1), by_block, strict=True):
        weights = [w for w in block if id(w) not in seen]
        seen |= {id(w) for w in weights}
        if weights:
            groups.append((recipe.learning_rate * recipe.depth_decay**depth, weights))
    return [*groups, (recipe.learning_rate * recipe.head_rate, head)]


def _optimizer(weights: list[Any], recipe: Recipe) -> Any:
    optimizer = keras.optimizers.AdamW(1.0, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay([w for w in weights if len(w.shape) < 2])
    optimizer.build(weights)
    return optimizer
