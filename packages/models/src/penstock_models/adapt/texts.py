"""What `adapt` asks of models of texts: how these are kept and fed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

import penstock_keras_api as keras
from penstock_keras_api import tree
from penstock_models.adapt.adaptable import Adaptable
from penstock_models.adapt.history import History
from penstock_models.adapt.recipe import Recipe
from penstock_models.adapt.strategy import Strategy
from penstock_models.data.examples import Examples
from penstock_models.layers import TokenMean, TransformerBlock
from penstock_models.presets.schema import Input, Preset
from penstock_models.tokenizers import Tokenizer
from penstock_models.tokenizers.batches import cut, rows_of

# A published network knows the language: few epochs, small steps. No version of a text is another one.
# The head is solved for as a start only, and its strength is not searched for.
RECIPES = {
    "probe": Recipe(epochs=1, augment=False),
    "head": Recipe(epochs=20, batch_size=32, augment=False),
    "partial": Recipe(
        epochs=4, batch_size=32, learning_rate=1e-4, head_rate=4.0, strength=0.01, augment=False
    ),
    "lora": Recipe(
        epochs=4, batch_size=32, learning_rate=1e-3, weight_decay=0.0, strength=0.01, augment=False
    ),
    "full": Recipe(
        epochs=3,
        batch_size=32,
        learning_rate=1e-4,
        head_rate=4.0,
        depth_decay=0.9,
        weight_decay=0.01,
        label_smoothing=0.05,
        strength=0.01,
        augment=False,
    ),
}

# Of few texts: how many steps are wanted, and how often each text may be seen for that.
STEPS, MOST_EPOCHS = 80, 12


class AdaptableTexts(Adaptable):
    """A model of texts that can be adapted."""

    input: Input
    preset: Preset | None
    tokenizer: Tokenizer
    _make_network: Callable[[], keras.Model]

    @cached_property
    def network(self) -> keras.Model:
        """The network that can be trained: rows of token numbers to "pooled" or "logits"."""
        return self._make_network()

    def backbone(self) -> keras.Model:
        """Return a fresh network without its head."""
        network = self._make_network()
        made = network.output
        if isinstance(made, dict) and "pooled" in made:
            return network
        head = next(layer for layer in reversed(network.layers) if layer.weights)
        return keras.Model(network.input, {"pooled": head.input}, name=network.name)

    def backbone_for(self, strategy: Strategy) -> keras.Model:
        """Return a network without its head; a head that is solved for gets what earlier blocks knew, too."""
        network = self.backbone()
        return with_earlier_blocks(network) if strategy.kind == "probe" else network

    def store(self, inputs: Sequence[Any], larger: bool = False) -> Any:
        """Return rows of token numbers, as long as the longest text needs."""
        return rows_of(self.tokenizer, [str(text) for text in inputs])

    def lengths(self, stored: Any) -> Any:
        """Return how many tokens each text has."""
        return stored["padding_mask"].sum(1)

    def feed(self, stored: Any, rng: np.random.Generator | None = None) -> Any:
        """Return rows as the network takes them, cut to what the longest of them needs."""
        names = list(self._inputs)
        # What the first blocks make of texts is kept side by side: there all have one length.
        whole = self.adapted is not None and self.adapted.strategy.kind == "partial"
        return cut(stored, names, self.tokenizer.max_length, whole)

    @property
    def _inputs(self) -> Any:
        """The network's inputs, by name."""
        return (self.network if self.adapted is None else self.adapted.network).input

    def with_network(self, network: keras.Model, labels: Sequence[str]) -> Any:
        """Return a classifier of texts with this network and these labels."""
        from penstock_models.tasks.text_classifier import TextClassifier

        return TextClassifier(labels, self.tokenizer, lambda: network, self.preset)

    def fit(
        self, examples: Examples, validation_data: Examples | None = None, **choices: Any
    ) -> History:
        """Train as `Adaptable.fit` does; few texts are seen more often, so that there are enough steps."""
        if choices.get("epochs") is None and choices.get("resolved") is None:
            named = {name: value for name, value in choices.items() if name in Recipe.model_fields}
            recipe = self._recipe(named) if self.adapted else None
            choices["epochs"] = recipe and _epochs(recipe, len(examples))
        return super().fit(examples, validation_data, **choices)

    def _recipe(self, choices: dict[str, Any]) -> Recipe:
        assert self.adapted is not None
        given = {"seed": self.seed, **choices, "augment": False}
        return RECIPES[self.adapted.strategy.kind].changed(**given)


def with_earlier_blocks(network: keras.Model) -> keras.Model:
    """Return a network whose "pooled" also has the means of what enters the first block and leaves the middle one.

    The last block of a network for sentences has forgotten some of what single words say; on film reviews these means
    are worth three points of accuracy.

    Args:
        network: With the output "pooled".

    Returns:
        The network, or the same if it is no stack of blocks, or has such means already.

    Raises:
        ValueError: Never here.
    """
    inputs: Any = network.input
    blocks = [layer for layer in network.layers if isinstance(layer, TransformerBlock)]
    pooled = network.output["pooled"]
    if (
        len(blocks) < 2
        or "padding_mask" not in inputs
        or pooled.shape[-1] != blocks[-1].output.shape[-1]
    ):
        return network
    mask = inputs["padding_mask"]
    entering = tree.flatten(blocks[0].input)[0]
    earlier = {"first": entering, "middle": blocks[len(blocks) // 2 - 1].output}
    means = [TokenMean(name=f"{name}_token_mean")(x, mask) for name, x in earlier.items()]
    joined = keras.layers.Concatenate(name="means")([pooled, *means])
    return keras.Model(inputs, {"pooled": joined}, name=network.name)


def _epochs(recipe: Recipe, count: int) -> int:
    """Return how often texts are seen: as the recipe says, but for few of them."""
    steps = max(1, math.ceil(count / recipe.batch_size))
    wanted = min(MOST_EPOCHS, math.ceil(STEPS / steps))
    return recipe.epochs if recipe.epochs == 1 else max(recipe.epochs, wanted)
