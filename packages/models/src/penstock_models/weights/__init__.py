"""Weights: what published files call them, and strict loading."""

from penstock_models.weights.integers import from_int8, to_int8
from penstock_models.weights.load import LoadReport, load_weights, path_of
from penstock_models.weights.names import OWN_NAMES, Names

__all__ = ["OWN_NAMES", "LoadReport", "Names", "from_int8", "load_weights", "path_of", "to_int8"]
