"""What every model that can be adapted has: `adapt`, `fit`, `evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.adapt.dice import set_states
from penstock_models.adapt.history import History
from penstock_models.adapt.network import Adapted, with_new_head
from penstock_models.adapt.recipe import Recipe
from penstock_models.adapt.strategy import Strategy
from penstock_models.data.examples import Examples


class Adaptable:
    """A model with a head for some labels, which can have one for others.

    A kind of model says four things: `backbone`, `store`, `feed` and `with_network`.
    """

    labels: list[str]
    adapted: Adapted | None = None
    """The network with its new head; None before `adapt`."""
    seed: int = 0

    # ---- what a kind of model says

    def backbone(self) -> keras.Model:
        """Return a functional model with the output "pooled" [batch, width]; of what cannot be trained, one without weights."""
        raise NotImplementedError

    def backbone_for(self, strategy: Strategy) -> keras.Model:
        """Return `backbone`, or for some strategies one whose "pooled" says more."""
        return self.backbone()

    def store(self, inputs: Sequence[Any], larger: bool = False) -> Any:
        """Return examples as they are kept in memory: arrays [examples, ...], in any structure.

        Args:
            inputs: As in `Examples`.
            larger: Whether they will be varied, and need a margin for it.
        """
        raise NotImplementedError

    def feed(self, stored: Any, rng: np.random.Generator | None = None) -> Any:
        """Return some of what `store` returned as the backbone takes it.

        Args:
            stored: Arrays [batch, ...].
            rng: Draws how examples are varied; None for as they are.
        """
        raise NotImplementedError

    def lengths(self, stored: Any) -> np.ndarray[Any, Any] | None:
        """Return how long examples are, so that those of like length go together; None if all are alike.

        Args:
            stored: What `store` returned.
        """
        return None

    def with_network(self, network: keras.Model, labels: Sequence[str]) -> Self:
        """Return a model of the same kind with another network, from the backbone's inputs to "logits"."""
        raise NotImplementedError

    def probabilities(self, inputs: Any) -> Any:
        """Return the probability of each label: [batch, labels]."""
        raise NotImplementedError

    # ---- what all have

    def adapt(self, strategy: str = "probe", *, labels: Sequence[str], seed: int = 0) -> Self:
        """Return a model of the same kind with a new head, which `fit` trains.

        Args:
            strategy: "probe" solves for a new head on the features of the network as it is, in seconds. "head" trains
                one step by step. "partial:2" trains the last two blocks too, "full" everything, and "lora" small
                matrices beside the large ones: "lora:4" of rank 4.
            labels: A word for each class.
            seed: Of all that is random.

        Returns:
            The new model; this one stays as it is.

        Raises:
            ValueError: There is no such strategy, or it does not suit this model; or there are fewer than two labels.
        """
        chosen = Strategy.of(strategy)
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise InvalidValueError(
                f"[adapt] got the labels {list(labels)}; give two or more, each once"
            )
        adapted = with_new_head(self.backbone_for(chosen), len(labels), chosen)
        set_states(adapted.network, seed)
        model = self.with_network(adapted.network, labels)
        model.adapted, model.seed = adapted, seed
        return model

    def fit(
        self,
        examples: Examples,
        validation_data: Examples | None = None,
        *,
        callbacks: Sequence[Any] = (),
        checkpoint: Any = None,
        resolved: dict[str, Any] | None = None,
        **choices: Any,
    ) -> History:
        """Train what the strategy of `adapt` says.

        Args:
            examples: What to learn from, with this model's labels.
            validation_data: What to judge epochs by; the weights of the best one are kept.
            callbacks: Keras's callbacks; they are told of epochs, and may stop the training.
            checkpoint: A folder that a training which was cut off goes on from.
            resolved: What another training's history has as `resolved`: the same steps are taken again, to the bit.
            choices: Fields of `Recipe`: epochs, batch_size, learning_rate, time_limit, class_weight, augment,
                patience, seed ...; None for what suits the strategy.

        Returns:
            Numbers for each epoch, and the steps that were taken.

        Raises:
            ValueError: The model was not adapted, the labels are not its own, or there is nothing to learn from.
        """
        from penstock_models.adapt.training import train

        if self.adapted is None:
            raise InvalidValueError(
                '[fit] give the model a head for your labels first: model.adapt("probe", labels=[...])'
            )
        recipe = Recipe.of(resolved["recipe"]) if resolved else self._recipe(choices)
        return train(self, examples, validation_data, recipe, callbacks, checkpoint, resolved)

    def _recipe(self, choices: dict[str, Any]) -> Recipe:
        from penstock_models.adapt.defaults import recipe_for

        assert self.adapted is not None
        return recipe_for(self.adapted.strategy).changed(**{"seed": self.seed, **choices})

    def evaluate(self, examples: Examples) -> dict[str, float]:
        """Return how well the model does on examples.

        Args:
            examples: With this model's labels.

        Returns:
            "accuracy", and "loss": the mean of -log(the right label's probability).

        Raises:
            ValueError: The labels are not this model's.
        """
        check_labels(self, examples)
        p = np.asarray(self.probabilities(list(examples.inputs)).numpy())
        right = p[np.arange(len(p)), np.asarray(examples.targets)]
        hits = p.argmax(1) == np.asarray(examples.targets)
        return {
            "accuracy": float(hits.mean()),
            "loss": float(-np.log(np.maximum(right, 1e-12)).mean()),
        }

    def save(self, folder: str | Path, **facts: Any) -> Path:
        """Save the model as a folder that serves, and that `from_preset` reads; see `penstock_models.export.save`.

        Args:
            folder: The folder.
            facts: What is known about it: name, licence, trained_on, metrics ...

        Returns:
            The folder.

        Raises:
            ValueError: The model was not adapted, or is of a kind that cannot be saved.
            OSError: The folder cannot be written.
        """
        from penstock_models.export import save

        return save(self, folder, **facts)


def check_labels(model: Adaptable, examples: Examples) -> None:
    """Refuse examples whose labels are not the model's, or of which there are none.

    Raises:
        ValueError: They are not, or these are no examples.
    """
    if not hasattr(examples, "targets"):
        raise InvalidValueError(
            f"[adapt] got {type(examples).__name__} where examples are expected; of data = models.data.read(...) give "
            "data.train, data.validation or data.test"
        )
    if list(examples.labels) != list(model.labels):
        raise InvalidValueError(
            f"[adapt] the examples have the labels {list(examples.labels)}, the model {list(model.labels)}; give "
            "model.adapt(..., labels=examples.labels)"
        )
    if not len(examples):
        raise InvalidValueError("[adapt] got no examples; give some of each class")
