"""Which recipe suits which strategy: what did well on a few hundred photographs."""

from __future__ import annotations

from penstock_models.adapt.recipe import Recipe
from penstock_models.adapt.strategy import Strategy

RECIPES = {
    "probe": Recipe(epochs=1, augment=False),
    "head": Recipe(epochs=30, learning_rate=1e-3),
    "partial": Recipe(epochs=15, learning_rate=3e-4, depth_decay=1.0, average=0.97, versions=9),
    "lora": Recipe(epochs=10, learning_rate=1e-3),
    "full": Recipe(epochs=10, learning_rate=1e-4),
}


def recipe_for(strategy: Strategy) -> Recipe:
    """Return the recipe that `fit` begins with.

    Args:
        strategy: What learns.

    Raises:
        KeyError: Never here.

    >>> recipe_for(Strategy.of("probe")).augment
    False
    """
    return RECIPES[strategy.kind]
