"""Transfer learning: a pretrained model made yours, with few examples."""

from penstock_models.adapt.adaptable import Adaptable
from penstock_models.adapt.history import History
from penstock_models.adapt.recipe import Recipe
from penstock_models.adapt.strategy import Strategy

__all__ = ["Adaptable", "History", "Recipe", "Strategy"]
