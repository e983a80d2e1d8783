"""How a detector is trained further, with values that suit few pictures."""

from __future__ import annotations

from typing import Literal

from penstock_models.adapt.recipe import Recipe
from penstock_models.adapt.strategy import Strategy


class DetectionRecipe(Recipe):
    """Choices of a detector's training, beside those that all trainings have.

    Args:
        body_rate: Everything but the heads has so many times the learning rate.
        loss: "hard" or "focal"; see `MultiBoxLoss`.
        negatives: How many anchors with nothing count, for each with something; for "hard".
        box_weight: The weight of boxes against classes.
        least_overlap: How much an anchor must overlap a thing to answer for it.
        class_weight: "balanced" lets the things of rare classes count more; "equal" does not.
        start: "probe" makes the scores of new labels out of those of old labels that answer to the same things;
            "zeros" begins with nothing.
        rest: As in `Recipe`.
    """

    epochs: int = 12
    learning_rate: float = 2e-4
    body_rate: float = 1.0
    loss: Literal["hard", "focal"] = "hard"
    negatives: float = 3.0
    box_weight: float = 1.0
    least_overlap: float = 0.5
    class_weight: Literal["balanced", "equal"] = "equal"
    patience: int | None = 4


# By the kind of strategy; "new" is for a network that begins from nothing.
RECIPES = {
    "probe": DetectionRecipe(epochs=0),
    "head": DetectionRecipe(learning_rate=1e-3),
    "partial": DetectionRecipe(),
    "lora": DetectionRecipe(learning_rate=1e-3),
    "full": DetectionRecipe(),
    "new": DetectionRecipe(epochs=60, learning_rate=2e-3, patience=None, start="zeros"),
}


def recipe_for(strategy: Strategy | None) -> DetectionRecipe:
    """Return the recipe that `fit` begins with.

    Args:
        strategy: What learns; None for a network that begins from nothing.

    Returns:
        The recipe.

    Raises:
        KeyError: Never here.

    >>> recipe_for(Strategy.of("probe")).epochs
    0
    """
    return RECIPES["new" if strategy is None else strategy.kind]
