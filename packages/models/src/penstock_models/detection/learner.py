"""A step of a detector's training: the loss, gradients, and rates for the heads and for the rest."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_keras_api.stateless import StatelessScope
from penstock_models.adapt.strategy import Strategy
from penstock_models.detection.heads import is_head
from penstock_models.detection.loss import MultiBoxLoss
from penstock_models.detection.recipe import DetectionRecipe

LONGEST = 10.0  # of all gradients together


class Learner:
    """What of a detector's network learns, with its optimizers.

    Args:
        network: From pixels to "boxes" and "logits".
        strategy: What learns; None for all of it, its norms' statistics too: a network that begins from nothing.
        recipe: Rates and the loss.
        class_weights: How much the things of each class count, or None.

    Raises:
        ValueError: The strategy names more blocks than there are.
    """

    def __init__(
        self,
        network: keras.Model,
        strategy: Strategy | None,
        recipe: DetectionRecipe,
        class_weights: tuple[float, ...] | None = None,
    ) -> None:
        self.network, self.recipe, self.steps = network, recipe, 0
        self.loss = MultiBoxLoss(
            recipe.loss, recipe.negatives, recipe.box_weight, class_weights=class_weights
        )
        freeze(network, strategy)
        self.small: list[tuple[Any, Any, Any]] = []
        if strategy is not None and strategy.kind == "lora":
            self.small = [
                _small(w, strategy.number, recipe.seed + i) for i, w in _matrices(network)
            ]
        self.groups = self._groups()
        self.weights = [w for _, weights in self.groups for w in weights]
        self.optimizers = [_optimizer(weights, recipe) for _, weights in self.groups]
        self._step = ps.function(self._take, autograph=False)

    def _groups(self) -> list[tuple[float, list[Any]]]:
        heads: list[Any] = []
        rest: list[Any] = []
        for layer in self.network.layers:
            (heads if is_head(layer.name) else rest).extend(layer.trainable_weights)
        rest += [v for _, down, up in self.small for v in (down, up)]
        rate = self.recipe.learning_rate
        groups = [(rate * self.recipe.body_rate, rest), (rate * self.recipe.head_rate, heads)]
        return [group for group in groups if group[1]]

    def _take(self, x: Any, y: Any, scale: Any) -> Any:
        with ps.GradientTape() as tape:
            loss = self._loss_of(x, y)
        gradients = tape.gradient(loss, self.weights)
        gradients, _ = ps.nn.clip_by_global_norm([ps.asarray(g) for g in gradients], LONGEST)
        given = iter(gradients)
        for (rate, weights), optimizer in zip(self.groups, self.optimizers, strict=True):
            optimizer.learning_rate = scale * rate
            optimizer.apply([next(given) for _ in weights], weights)
        return loss

    def _loss_of(self, x: Any, y: Any) -> Any:
        # Without small matrices there is no such scope, in which the norms' running means would not change.
        scope: AbstractContextManager[Any]
        scope = StatelessScope(self._sums()) if self.small else nullcontext()
        with scope:
            said = self.network(x, training=True)
        return self.loss(y, ps.concat([said["boxes"], said["logits"]], axis=-1))

    def _sums(self) -> list[tuple[Any, Any]]:
        """Return the matrices that have small ones beside them, with their sums."""
        return [(w, w.value + _product(down, up, w)) for w, down, up in self.small]

    def step(self, x: Any, y: Any, scale: float) -> Any:
        """Take a step.

        Args:
            x: Scaled pictures [batch, height, width, 3].
            y: What each anchor should say, [batch, anchors, 5].
            scale: What all rates are multiplied by.

        Returns:
            The loss.
        """
        self.steps += 1
        return self._step(x, y, ps.asarray(np.float32(scale)))

    def kept(self) -> list[np.ndarray[Any, Any]]:
        """Return all weights of the network as they are after the last step, small matrices added."""
        sums = {id(w): value for w, value in self._sums()}
        return [sums.get(id(w), w.value).numpy() for w in self.network.weights]

    def variables(self) -> list[Any]:
        """Return everything that a step changes."""
        learning = {id(w) for w in self.weights}
        others = [w for w in self.network.weights if id(w) not in learning]
        return [*self.weights, *others, *(v for o in self.optimizers for v in o.variables)]


def freeze(network: keras.Model, strategy: Strategy | None) -> None:
    """Let learn what a strategy says; statistics of norms stay, except where all begins from nothing.

    Args:
        network: A detector's network.
        strategy: "head" trains what tells scores and offsets; "partial:2" the last two pairs of convolutions of the
            trunk too, with all that follows; "full" everything; "lora" the heads, and small matrices beside the
            others. None trains everything, norms included.

    Raises:
        ValueError: The trunk has fewer pairs.
    """
    network.trainable = True
    pairs = 1 + max(pair_of(layer.name) for layer in network.layers)
    if strategy is not None and strategy.kind == "partial" and strategy.number > pairs:
        raise InvalidValueError(
            f'[adapt] got the strategy "{strategy}"; the trunk has {pairs} pairs of convolutions: choose "partial:1" to '
            f'"partial:{pairs}", or "full"'
        )
    for layer in network.layers:
        if strategy is None:
            continue
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = not is_norm and _learns(layer.name, strategy, pairs)


def pair_of(name: str) -> int:
    """Return which pair of the trunk a layer belongs to; -1 for the stem, and for what follows the trunk."""
    found = re.match(r"conv_([0-9]+)", name)
    return int(found[1]) // 2 if found else -1


def _learns(name: str, strategy: Strategy, pairs: int) -> bool:
    if is_head(name) or strategy.kind == "full":
        return True
    if strategy.kind == "partial":
        return name.startswith("extra_") or pair_of(name) >= pairs - strategy.number
    return False


def _matrices(network: keras.Model) -> list[tuple[int, Any]]:
    """Return the kernels of the convolutions over channels that are frozen, numbered."""
    layers = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D) and not is_head(layer.name)
    ]
    return [(i, layer.kernel) for i, layer in enumerate(layers)]


def _small(kernel: Any, rank: int, seed: int) -> tuple[Any, Any, Any]:
    """Return a kernel, and two matrices whose product has its size and begins at zero."""
    rows, columns = int(np.prod(kernel.shape[:-1])), int(kernel.shape[-1])
    rank = min(rank, rows, columns)
    rng = np.random.default_rng([seed, 17])
    down = rng.normal(0, 1 / np.sqrt(rows), (rows, rank)).astype(np.float32)
    return (
        kernel,
        keras.Variable(down, name="lora_down"),
        keras.Variable(np.zeros((rank, columns), np.float32), name="lora_up"),
    )


def _product(down: Any, up: Any, kernel: Any) -> Any:
    return ps.reshape(ps.matmul(down.value, up.value), tuple(kernel.shape))


def _optimizer(weights: list[Any], recipe: DetectionRecipe) -> Any:
    optimizer = keras.optimizers.AdamW(1.0, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay([w for w in weights if len(w.shape) < 2])
    optimizer.build(weights)
    return optimizer
